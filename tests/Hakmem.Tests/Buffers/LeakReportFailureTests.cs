using System;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What was dropped is reported on the finalizer thread, where an exception ends the process: it is counted in any case.
public sealed class LeakReportFailureTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void APoolsLeakIsCountedThoughItsEventHasNoMemory()
    {
        using NativeMemoryPool pool = new(_heap);
        PoolCore<byte> core = new(pool, _heap, new NativeMemoryPoolOptions(), isShared: false);
        core.Leaked += (_, _) => throw new OutOfMemoryException("Injected.");
        core.ReportLeak(1_000, null);
        NativeMemoryPoolStatistics statistics = core.GetStatistics();
        Assert.Equal((1, 1_000), (statistics.LeakedCount, statistics.LeakedBytes));
    }

    [Fact]
    public void AStreamsLeakIsCountedThoughItsEventHasNoMemory()
    {
        NativeMemoryStreamManager manager = new(_heap);
        manager.StreamFinalized += (_, _) => throw new OutOfMemoryException("Injected.");
        using NativeMemoryStream stream = manager.GetStream();
        manager.OnFinalized(stream.Tracker!, 1_000);
        Assert.Equal(1, manager.GetStatistics().LeakedCount);
    }

#if DEBUG
    [Fact]
    public void APoolsLeakIsCountedThoughTheLogHasNoMemory()
    {
        using NativeMemoryPool pool = new(_heap);
        PoolCore<byte> core = new(pool, _heap, new NativeMemoryPoolOptions(), isShared: false);
        core.Leaked += (_, _) => { };
        for (int n = 1; n <= 2; n++)
        {
            ManagedMemory.RefuseNth(n);
            core.ReportLeak(1_000, null);
            Assert.Equal(0, ManagedMemory.RefuseNth(0));
            Assert.Equal(n, core.GetStatistics().LeakedCount);
        }
    }

    [Fact]
    public void ALeakThatTheLogHasNoMemoryForIsInNoEntry()
    {
        long before = LeakLog.Read().Unkept;
        ManagedMemory.RefuseNth(1);
        Assert.Throws<OutOfMemoryException>(() => LeakLog.Add(1_000, null));
        Assert.InRange(LeakLog.Read().Unkept, before + 1, long.MaxValue);
    }

    [Fact]
    public void AStreamsEndIsCountedThoughItsEventHasNoMemory()
    {
        NativeMemoryStreamManager manager = new(_heap);
        manager.StreamDisposed += (_, _) => { };
        manager.StreamDoubleDisposed += (_, _) => { };
        NativeMemoryStream stream = manager.GetStream();
        foreach (int again in new[] { 0, 1 })
        {
            ManagedMemory.RefuseNth(1);
            Assert.Throws<OutOfMemoryException>(stream.Dispose);
            Assert.Equal(0, manager.GetStatistics().OpenCount);
            Assert.Equal(again, manager.GetStatistics().DoubleDisposedCount);
        }
    }
#endif
}
