using System;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Hosting;
using Hakmem.AspNetCore.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// A region that was in use at the end of its request, where there is no managed memory to come back to it.
public sealed class RequestRegionFailureTests : IDisposable
{
    private const int MaxBytes = 16 << 20;

    private readonly SemaphoreSlim _reached = new(0);
    private readonly ManualResetEventSlim _mayReturn = new();

    public void Dispose()
    {
        _reached.Dispose();
        _mayReturn.Dispose();
    }

    [Fact]
    public void ARegionInUseIsFreedThoughItsTimerWasRefused()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = MaxBytes });
        RefusingTime time = new();
        RequestRegions regions = new(heap, meterFactory: null, time);
        RequestRegion used = regions.Create(null);
        used.Region.AllocSpan<byte>(1_000).Fill(1);
        Thread user = new(() => Use(used.Region)) { IsBackground = true };
        user.Start();
        Assert.True(_reached.Wait(Await.Deadlock));
        time.IsRefusing = true;

        // The request has its own error.
        Assert.Throws<InvalidOperationException>(used.Dispose);
        time.IsRefusing = false;
        Assert.False(time.IsSet);

        // The end of another request sets the timer. The region is still in use when that fires.
        regions.Create(null).Dispose();
        Assert.True(time.IsSet);
        time.Fire();
        Assert.True(time.IsSet);
        Assert.True(used.Region.CommittedBytes > 0);
        _mayReturn.Set();
        Assert.True(user.Join(Await.Deadlock));
        time.Fire();
        Assert.False(time.IsSet);
        Assert.Equal(0, used.Region.CommittedBytes);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    // Stays in a call of the region: its heap tells a listener of a refusal within, which waits.
    private void Use(MemoryRegion region)
    {
        using RefusalListener listener = new(() =>
        {
            _reached.Release();
            _mayReturn.Wait(Await.Deadlock);
        });
        Assert.Throws<OutOfMemoryException>(() => region.AllocSpan<byte>(MaxBytes));
    }

    // Its one timer fires when the test says so.
    private sealed class RefusingTime : TimeProvider, ITimer
    {
        private TimerCallback? _callback;
        private object? _state;

        public bool IsRefusing { get; set; }

        public bool IsSet { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_callback, _state) = (callback, state);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            IsSet = IsRefusing ? throw new OutOfMemoryException("Injected.") : dueTime >= TimeSpan.Zero;
            return true;
        }

        public void Fire()
        {
            IsSet = false;
            _callback!(_state);
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
