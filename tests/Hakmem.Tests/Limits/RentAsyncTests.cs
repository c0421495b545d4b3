using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Limits;

// Rentals that wait for room in order of arrival.
public sealed class RentAsyncTests : IDisposable
{
    private static readonly TimeSpan s_forever = Timeout.InfiniteTimeSpan;

    // Far above what anything here takes; if it is over, the test has failed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly HakmemAllocator _heap = new();
    private readonly NativeMemoryPool _pool;

    public RentAsyncTests() => _pool = new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { MaxBytes = 100 });

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Assert.Equal(0, _pool.GetStatistics().RentedCount);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        _pool.Dispose();
        _heap.Dispose();
    }

    [Fact]
    public async Task ARentalWithRoomDoesNotWait()
    {
        Task<IMemoryOwner<byte>> rental = Rent(100, TimeSpan.Zero, Test);
        Assert.True(rental.IsCompletedSuccessfully);
        using IMemoryOwner<byte> owner = await rental;
        Assert.Equal(100, owner.Memory.Length);
    }

    [Fact]
    public async Task RentalsAreServedInOrderOfArrival()
    {
        IMemoryOwner<byte> sixty = _pool.Rent(60);
        IMemoryOwner<byte> forty = _pool.Rent(40);
        Task<IMemoryOwner<byte>> large = Wait(80);
        Task<IMemoryOwner<byte>> small = Wait(10);
        Task<IMemoryOwner<byte>> last = Wait(100);

        // There is room for the second, which has to wait for the first.
        forty.Dispose();
        Assert.False(small.IsCompleted || large.IsCompleted);
        sixty.Dispose();
        using (IMemoryOwner<byte> first = await large.WaitAsync(s_patience, Test))
        using (IMemoryOwner<byte> second = await small.WaitAsync(s_patience, Test))
        {
            Assert.Equal((80, 10), (first.Memory.Length, second.Memory.Length));
            Assert.False(last.IsCompleted);
        }

        (await last.WaitAsync(s_patience, Test)).Dispose();
    }

    [Fact]
    public async Task ACancelledRentalLetsTheNextIn()
    {
        IMemoryOwner<byte> taken = _pool.Rent(50);
        using CancellationTokenSource source = new();
        Task<IMemoryOwner<byte>> large = Rent(80, s_forever, source.Token);
        Task<IMemoryOwner<byte>> small = Wait(50);
        Assert.False(small.IsCompleted);
        await source.CancelAsync();
        OperationCanceledException end = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        Assert.Equal(source.Token, end.CancellationToken);
        (await small.WaitAsync(s_patience, Test)).Dispose();
        taken.Dispose();

        // Neither before nor after a rental does cancellation take anything.
        Assert.True(Rent(10, s_forever, source.Token).IsCanceled);
        using CancellationTokenSource late = new();
        IMemoryOwner<byte> owner = await Rent(100, s_forever, late.Token);
        await late.CancelAsync();
        Assert.Equal(100, owner.Memory.Length);
        owner.Dispose();
    }

    [Fact]
    public async Task ATimeoutEndsTheWaitAndLetsTheNextIn()
    {
        IMemoryOwner<byte> taken = _pool.Rent(50);
        Task<IMemoryOwner<byte>> large = Rent(80, TimeSpan.FromMilliseconds(5), Test);
        Task<IMemoryOwner<byte>> small = Wait(50);
        await Assert.ThrowsAsync<TimeoutException>(() => large.WaitAsync(s_patience, Test));
        (await small.WaitAsync(s_patience, Test)).Dispose();
        Assert.Equal(1, _pool.GetStatistics().RentedCount);
        taken.Dispose();
    }

    [Fact]
    public async Task ARentalWithoutATimeToWaitHasEndedAtOnce()
    {
        IMemoryOwner<byte> taken = _pool.Rent(50);
        Task<IMemoryOwner<byte>> alone = Rent(80, TimeSpan.Zero, Test);
        Task<IMemoryOwner<byte>> waiting = Wait(60);
        Task<IMemoryOwner<byte>> behind = Rent(10, TimeSpan.Zero, Test);
        Assert.True(alone.IsFaulted && behind.IsFaulted);
        await Assert.ThrowsAsync<TimeoutException>(() => alone);
        await Assert.ThrowsAsync<TimeoutException>(() => behind);
        Assert.Equal(2, _pool.GetStatistics().RefusedCount);
        taken.Dispose();
        (await waiting.WaitAsync(s_patience, Test)).Dispose();
    }

    [Fact]
    public void ARentalThatNeverFitsIsRefusedAsRentRefusesIt()
    {
        using IMemoryOwner<byte> taken = _pool.Rent(30);
        OutOfMemoryException refusal = Assert.Throws<OutOfMemoryException>(() => { _ = Rent(101, s_forever, Test); });
        Assert.Contains("30 of its limit of 100 bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, _pool.GetStatistics().RefusedCount);
        Assert.Equal(Assert.Throws<OutOfMemoryException>(() => _pool.Rent(101)).Message, refusal.Message);
        Assert.Equal(2, _pool.GetStatistics().RefusedCount);

        HakmemAllocator heap = new();
        NativeMemoryPool pool = new(heap, new NativeMemoryPoolOptions { MaxBytes = 100 });
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(101));
        Assert.Throws<ObjectDisposedException>(() => { _ = pool.RentAsync(101, s_forever, Test).AsTask(); });
    }

    [Fact]
    public async Task TheDisposalOfPoolOrHeapEndsTheWait()
    {
        IMemoryOwner<byte> taken = _pool.Rent(100);
        Task<IMemoryOwner<byte>>[] waiting = [Wait(10), Wait(20)];
        _pool.Dispose();
        foreach (Task<IMemoryOwner<byte>> rental in waiting)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => rental);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Rent(1, s_forever, Test));
        taken.Dispose();

        HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 2 << 20 });
        NativeMemoryPool pool = new(heap);
        IMemoryOwner<byte> all = pool.Rent(2 << 20);
        Task<IMemoryOwner<byte>> next = pool.RentAsync(1 << 20, s_forever, Test).AsTask();
        heap.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => next.WaitAsync(s_patience, Test));
        all.Dispose();
    }

    [Fact]
    public void BadArgumentsThrowAtOnce()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = Rent(-2, s_forever, Test); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = Rent(1, TimeSpan.FromMilliseconds(-2), Test); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = Rent(1, TimeSpan.MaxValue, Test); });
        Assert.Throws<OutOfMemoryException>(() => { _ = Rent(101, s_forever, Test); });
    }

    // The memory comes back from elsewhere: another pool, and another tag's limit.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RoomOfAHeapOrTagIsWaitedFor(bool isTag)
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = isTag ? 0 : 2 << 20 });
        using MemoryTag tag = new("tag", null, 0, isTag ? 2 << 20 : 0);
        IHakmemAllocator allocator = isTag ? heap.ForTag(tag) : heap;
        using NativeMemoryPool<int> pool = new(allocator, new NativeMemoryPoolOptions { RecycleOwners = true });
        using NativeMemoryPool other = new(allocator);
        IMemoryOwner<byte> all = other.Rent((2 << 20) - 100_000);
        Task<IMemoryOwner<int>> waiting = pool.RentAsync(100_000, s_forever, Test).AsTask();
        Assert.False(waiting.IsCompleted);
        all.Dispose();
        (await waiting.WaitAsync(s_patience, Test)).Dispose();
        Assert.Equal(0, pool.GetStatistics().RentedCount);
        Assert.Equal(0, tag.LiveBytes);
    }

    [Fact]
    public async Task AProgramsOwnAllocatorIsNotTakenForDisposed()
    {
        using HakmemAllocator heap = new();
        using NativeMemoryPool pool = new(
            new ForwardingAllocator(heap), new NativeMemoryPoolOptions { MaxBytes = 4_096 });
        IMemoryOwner<byte> all = pool.Rent(4_096);
        Assert.Throws<OutOfMemoryException>(() => pool.Rent(100));
        Task<IMemoryOwner<byte>> waiting = pool.RentAsync(100, s_forever, Test).AsTask();
        Assert.False(waiting.IsCompleted);
        all.Memory.Span[0] = 1;
        all.Dispose();
        (await waiting.WaitAsync(s_patience, Test)).Dispose();
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    // What would make room under the pool's own limit is never returned.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheEndOfTheHeapEndsAWaitForTheRoomOfThePool(bool isTag)
    {
        using HakmemAllocator heap = new();
        using MemoryTag tag = new("tag");
        using NativeMemoryPool pool = new(
            isTag ? heap.ForTag(tag) : heap, new NativeMemoryPoolOptions { MaxBytes = 4_096 });
        using IMemoryOwner<byte> all = pool.Rent(4_096);
        Task<IMemoryOwner<byte>> waiting = pool.RentAsync(100, s_forever, Test).AsTask();
        heap.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(s_patience, Test));
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(100));
    }

    // However often it was tried, and whether the pool, the heap or a tag had no room.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARentalThatGivesUpIsOneRefusal(bool isTag)
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = isTag ? 0 : 2 << 20 });
        using MemoryTag tag = new("tag", null, 0, isTag ? 1 << 20 : 0);
        using NativeMemoryPool pool = new(isTag ? heap.ForTag(tag) : heap);
        IMemoryOwner<byte> all = pool.Rent(1 << 20);
        IMemoryOwner<byte>? rest = isTag ? null : pool.Rent(900_000);
        Task<IMemoryOwner<byte>> waiting =
            pool.RentAsync(1 << 20, TimeSpan.FromMilliseconds(200), Test).AsTask();
        await Assert.ThrowsAsync<TimeoutException>(() => waiting.WaitAsync(s_patience, Test));
        Assert.Equal(1, pool.GetStatistics().RefusedCount);
        Assert.Equal(1, heap.GetStatistics().RefusedAllocations);
        Assert.Equal(isTag ? 1 : 0, tag.RefusedCount);
        all.Dispose();
        rest?.Dispose();
        IMemoryOwner<byte> taken = _pool.Rent(100);
        await Assert.ThrowsAsync<TimeoutException>(() => Rent(1, TimeSpan.FromMilliseconds(60), Test));
        Assert.Equal(1, _pool.GetStatistics().RefusedCount);
        Assert.Equal(0, _heap.GetStatistics().RefusedAllocations);
        taken.Dispose();
    }

    // An interrupt in a lock of the framework's, of the thread that rents and then of the one that returns.
    [Fact]
    public async Task InterruptsLoseNoRental()
    {
        PoolCore<byte> core = CoreWithFaults(out Action<int, Func<Exception>> fail);
        IMemoryOwner<byte> taken = core.Rent(100);
        fail(2, () => new ThreadInterruptedException());
        Task<IMemoryOwner<byte>> waiting = core.RentAsync(100, s_forever, CancellationToken.None).AsTask();
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(1));
        Assert.False(waiting.IsCompleted);
        fail(2, () => new ThreadInterruptedException());
        taken.Dispose();
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(1));
        (await waiting.WaitAsync(s_patience, Test)).Dispose();
        Assert.Equal(0, core.GetStatistics().RentedCount);
    }

    [Fact]
    public async Task ARentalWithoutATimerFailsAndLeavesTheQueue()
    {
        PoolCore<byte> core = CoreWithFaults(out Action<int, Func<Exception>> fail);
        IMemoryOwner<byte> taken = core.Rent(100);
        foreach (int skipped in new[] { 0, 1 })
        {
            int calls = 0;
            core.Queue.OnFrameworkCall = () =>
            {
                if (calls++ == skipped)
                {
                    throw new OutOfMemoryException();
                }
            };
            Task<IMemoryOwner<byte>> waiting = core.RentAsync(100, s_forever, CancellationToken.None).AsTask();
            await Assert.ThrowsAsync<OutOfMemoryException>(() => waiting.WaitAsync(s_patience, Test));
            Assert.False(core.Queue.IsAnyWaiting);
        }

        // What the clean-up throws comes after the result.
        core.Queue.OnFrameworkCall = null;
        Task<IMemoryOwner<byte>> served = core.RentAsync(100, s_forever, CancellationToken.None).AsTask();
        fail(int.MaxValue, () => new InvalidOperationException());
        taken.Dispose();
        core.Queue.OnFrameworkCall = null;
        (await served.WaitAsync(s_patience, Test)).Dispose();
    }

    // The framework cannot be told how a rental has ended: it is told later, and the next is served.
    [Theory]
    [InlineData("cancelled")]
    [InlineData("timeout")]
    [InlineData("disposed")]
    public async Task AnEndWithoutManagedMemoryIsToldLater(string how)
    {
        PoolCore<byte> core = CoreWithFaults(out Action<int, Func<Exception>> fail);
        IMemoryOwner<byte> taken = core.Rent(100);
        using CancellationTokenSource source = new();
        TimeSpan timeout = how == "timeout" ? TimeSpan.FromMilliseconds(100) : s_forever;
        Task<IMemoryOwner<byte>> first = core.RentAsync(100, timeout, source.Token).AsTask();
        Task<IMemoryOwner<byte>> second = core.RentAsync(50, s_forever, CancellationToken.None).AsTask();
        fail(2, () => new OutOfMemoryException());
        if (how == "cancelled")
        {
            await source.CancelAsync();
        }
        else if (how == "disposed")
        {
            core.End();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => second.WaitAsync(s_patience, Test));
        }

        Exception end = await Assert.ThrowsAnyAsync<Exception>(() => first.WaitAsync(s_patience, Test));
        Assert.True(first.IsCompleted);
        Assert.Equal(how == "cancelled", first.IsCanceled);
        Assert.True(first.IsCanceled || end is TimeoutException or ObjectDisposedException);
        Assert.Equal(how == "timeout" ? 1 : 0, core.GetStatistics().RefusedCount);
        taken.Dispose();
        if (how != "disposed")
        {
            (await second.WaitAsync(s_patience, Test)).Dispose();
        }

        Assert.Equal(0, core.GetStatistics().RentedCount);
    }

    // The report has the stack that asked, not that of the thread which had room for it.
    [Fact]
    public async Task ALeakOfARentalThatWaitedHasItsStack()
    {
        using HakmemAllocator heap = new();
        using NativeMemoryPool pool = new(
            heap, new NativeMemoryPoolOptions { MaxBytes = 100, LeakTracking = LeakTracking.Stacks });
        TaskCompletionSource<NativeMemoryLeak> leaked = new();
        pool.Leaked += (_, leak) => leaked.TrySetResult(leak);
        IMemoryOwner<byte> taken = pool.Rent(100);
        Workers.RunOne(() => RentAndDrop(pool, taken));
        SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return leaked.Task.IsCompleted;
            },
            s_patience);
        NativeMemoryLeak report = await leaked.Task.WaitAsync(s_patience, Test);
        Assert.Equal(nameof(RentLater), report.RentalStack!.GetFrame(0)!.GetMethod()!.Name);
    }

    [Fact]
    public async Task ThousandsWaitAndAllAreServed()
    {
        IMemoryOwner<byte> taken = _pool.Rent(100);
        List<int> order = [];
        Task[] all = [.. Enumerable.Range(0, 3_000).Select(async i =>
        {
            using IMemoryOwner<byte> owner = await Wait(60);
            lock (order)
            {
                order.Add(i);
            }
        })];
        taken.Dispose();
        await Task.WhenAll(all).WaitAsync(s_patience, Test);

        // At most one fits, so no two can overtake each other.
        Assert.Equal(Enumerable.Range(0, 3_000), order);
    }

    // Returns, cancellations and timeouts in any order: each rental ends once, and no room is lost or given twice.
    [Fact]
    public async Task RacingEndsLoseNothing()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => Task.Run(() => RentAtRandom(seed), Test)));
        (await Rent(100, s_patience, Test)).Dispose();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RentAndDrop(NativeMemoryPool pool, IMemoryOwner<byte> taken)
    {
        Task<IMemoryOwner<byte>> rental = RentLater(pool);
        taken.Dispose();
        Assert.Equal(100, rental.GetAwaiter().GetResult().Memory.Length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Task<IMemoryOwner<byte>> RentLater(NativeMemoryPool pool)
    {
        ValueTask<IMemoryOwner<byte>> rental = pool.RentAsync(100, s_forever, CancellationToken.None);
        return rental.AsTask();
    }

    // fail: makes so many of the next calls of the framework throw.
    private PoolCore<byte> CoreWithFaults(out Action<int, Func<Exception>> fail)
    {
        PoolCore<byte> core = new(_pool, _heap, new NativeMemoryPoolOptions { MaxBytes = 100 }, isShared: false);
        fail = (count, create) => core.Queue.OnFrameworkCall = () =>
        {
            if (Interlocked.Decrement(ref count) >= 0)
            {
                throw create();
            }
        };
        return core;
    }

    private async Task RentAtRandom(int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < 1_000; i++)
        {
            using CancellationTokenSource source = new();
            TimeSpan timeout = random.Next(4) == 0 ? TimeSpan.Zero : s_forever;
            Task<IMemoryOwner<byte>> rental = Rent(random.Next(101), timeout, source.Token);
            if (random.Next(2) == 0)
            {
                await source.CancelAsync();
            }

            try
            {
                (await rental.WaitAsync(s_patience, Test)).Dispose();
            }
            catch (Exception end) when (end is OperationCanceledException or TimeoutException)
            {
                Assert.True(rental.IsCompleted);
            }
        }
    }

    private Task<IMemoryOwner<byte>> Wait(int length) => Rent(length, s_forever, CancellationToken.None);

    private Task<IMemoryOwner<byte>> Rent(int length, TimeSpan timeout, CancellationToken cancellation) =>
        _pool.RentAsync(length, timeout, cancellation).AsTask();
}
