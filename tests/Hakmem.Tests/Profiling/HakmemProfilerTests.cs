using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Records;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

public sealed unsafe class HakmemProfilerTests
{
    [Fact]
    public void BadArgumentsAreRejected()
    {
        using HakmemAllocator heap = new();
        Assert.Throws<ArgumentNullException>(() => HakmemProfiler.Start(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => HakmemProfiler.Start(heap, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => HakmemProfiler.Start(heap, (1L << 40) + 1));
        using HakmemProfiler profiler = HakmemProfiler.Start(heap);
        Assert.Throws<ArgumentOutOfRangeException>(() => profiler.MeanSampleBytes = -1);
        Assert.Equal(512 << 10, profiler.MeanSampleBytes);
    }

    [Fact]
    public void AHeapHasOneProfilerAtATime()
    {
        using HakmemAllocator heap = new();
        using (HakmemProfiler.Start(heap))
        {
            Assert.Throws<InvalidOperationException>(() => HakmemProfiler.Start(heap));
        }

        HakmemProfiler.Start(heap).Dispose();
    }

    [Fact]
    public void AFallbackHeapIsNotSupported()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        Assert.Throws<NotSupportedException>(() => HakmemProfiler.Start(heap));
    }

    [Fact]
    public void ADisposedHeapHasNoLiveSamples()
    {
        HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        heap.Alloc(1_000);
        Assert.Equal(1_000, profiler.Capture().InUseBytes);
        heap.Dispose();
        Assert.Equal(0, profiler.Capture().InUseBytes);
        Assert.Throws<ObjectDisposedException>(() => HakmemProfiler.Start(heap));
    }

    // Hidden blocks are free, and sampled ones are not.
    [Fact]
    public void TryDisposeSeesWhatIsFree()
    {
        HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 4_096);
        nint[] blocks = [.. Enumerable.Range(0, 3_000).Select(i => (nint)heap.Alloc((nuint)(i % 400)))];
        foreach (nint block in blocks[1..])
        {
            heap.Free((void*)block);
        }

        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        Assert.False(heap.TryDispose());
        heap.Free((void*)blocks[0]);
        Assert.True(heap.TryDispose());
    }

    [Fact]
    public void ADisposedProfilerCapturesNothing()
    {
        using HakmemAllocator heap = new();
        HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        void* block = heap.Alloc(100);
        HeapProfile profile = profiler.Capture();
        profiler.Dispose();
        profiler.Dispose();
        Assert.Throws<ObjectDisposedException>(profiler.Capture);
        Assert.Throws<ObjectDisposedException>(profiler.CapturePeak);
        Assert.Equal(100, profile.InUseBytes);
        heap.Free(block);
    }

    // With a mean of one byte every block is sampled, and the figures are exact.
    [Fact]
    public void StacksAreToldApartAndNamed()
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        nint first = AllocateHere(heap, 1_000);
        nint second = AllocateThere(heap, 3_000);
        HeapProfile profile = profiler.Capture();
        Assert.Equal(2, profile.Samples.Count);
        Assert.Equal(3_000, profile.Samples[0].InUseBytes);
        Assert.Contains(nameof(AllocateThere), profile.Samples[0].Frames[0], StringComparison.Ordinal);
        Assert.Contains(nameof(AllocateHere), profile.Samples[1].Frames[0], StringComparison.Ordinal);
        string test = nameof(StacksAreToldApartAndNamed);
        Assert.Contains(test, profile.Samples[0].Frames[1], StringComparison.Ordinal);
        heap.Free((void*)first);
        heap.Free((void*)second);
    }

    [Fact]
    public void ABlockIsGoneWhicheverThreadFreesIt()
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        nint small = (nint)heap.Alloc(50);
        nint large = (nint)heap.Alloc(5 << 20);
        Workers.RunOne(() => heap.Free((void*)small));
        Workers.RunOne(() => heap.Free((void*)large, 5 << 20));
        HeapProfile profile = profiler.Capture();
        Assert.Equal((2, 0, 0), (profile.AllocatedObjects, profile.InUseObjects, profile.InUseBytes));
    }

    [Fact]
    public void ASampledBlockHasTheSizeOfAnyOther()
    {
        using HakmemAllocator heap = new();
        void* plain = heap.Alloc(100);
        nuint usable = heap.UsableSize(plain);
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        void* sampled = heap.Alloc(100);
        Assert.Equal(usable, heap.UsableSize(sampled));
        Assert.True(heap.TryExpand(sampled, usable));
        Assert.False(heap.TryExpand(sampled, usable + 1));
        Assert.True(heap.Realloc(sampled, usable - 1) == sampled);
        void* moved = heap.Realloc(sampled, 10);
        Assert.True(moved != sampled);
        Assert.Equal(10, profiler.Capture().InUseBytes);
        heap.Free(moved);
        heap.Free(plain);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ALargeBlockThatIsResizedCountsWithItsNewSize()
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        void* block = heap.Alloc(3 << 20);
        for (int mib = 5; mib <= 65; mib += 20)
        {
            block = heap.Realloc(block, (nuint)mib << 20);
            Assert.Equal(mib << 20, profiler.Capture().InUseBytes);
        }

        block = heap.Realloc(block, 2 << 20);
        Assert.Equal(2 << 20, profiler.Capture().InUseBytes);
        heap.Free(block);
        Assert.Equal(0, profiler.Capture().InUseObjects);
    }

    [Fact]
    public void ASecondFreeOfASampledBlockIsFound()
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        void* block = heap.Alloc(100);
        heap.Free(block);
        Corruption.AssertReported(block, () => heap.Free(block));
    }

    [Fact]
    public void ThePeakIsThatOfTheMostLiveBytes()
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        nint first = AllocateHere(heap, 6_000);
        nint second = AllocateThere(heap, 4_000);
        heap.Free((void*)first);
        nint third = AllocateThere(heap, 3_000);
        HeapProfile peak = profiler.CapturePeak();
        Assert.Equal(10_000, peak.InUseBytes);
        Assert.Equal(6_000, peak.Samples[0].InUseBytes);
        Assert.Equal(4_000, peak.Samples[1].InUseBytes);
        Assert.Equal(7_000, profiler.Capture().InUseBytes);
        heap.Free((void*)second);
        heap.Free((void*)third);
        Assert.Equal(10_000, profiler.CapturePeak().InUseBytes);
    }

    [Fact]
    public void BlocksOfBeforeAndAfterAreFreedAsEver()
    {
        using HakmemAllocator heap = new();
        BlockLedger ledger = new(heap);
        for (int round = 0; round < 3; round++)
        {
            AllocateEverySize(ledger);
            using (HakmemProfiler.Start(heap, 4_096))
            {
                AllocateEverySize(ledger);
                for (int i = ledger.Count - 1; i >= 0; i -= 2)
                {
                    ledger.Free(i);
                }
            }
        }

        ledger.VerifyAll();
        Assert.Equal(ledger.Count, heap.GetStatistics().LiveBlocks);
        ledger.FreeAll();
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.Empty(heap.Verify().Problems);
    }

    [Fact]
    public void PageMapEntriesFollowTheFormOfBins()
    {
        Assert.SkipUnless(HakmemAllocator.IsSupported, "There is no page map here.");
        using HakmemAllocator heap = new();
        void* block = heap.Alloc(1_000);
        ulong stacked = ProcessArena.Instance!.EntryOf(block);
        HakmemProfiler profiler = HakmemProfiler.Start(heap);
        ulong paired = ProcessArena.Instance.EntryOf(block);
        Assert.NotEqual(stacked, paired);
        Assert.True(PageMapEntry.IsSameSpan(stacked, paired));
        profiler.Dispose();
        Assert.Equal(stacked, ProcessArena.Instance.EntryOf(block));
        heap.Free(block);
    }

    // A loop that never runs out of blocks is in no slow path, until its frees meet entries of the other form.
    [Fact]
    public void AThreadInALoopOfOneBlockIsCountedFromTheStartOn()
    {
        const int Count = 300_000;
        const int Bytes = 1_000;
        using HakmemAllocator heap = new();
        using ManualResetEventSlim isWarm = new();
        using ManualResetEventSlim isStarted = new();
        HakmemProfiler? profiler = null;
        Workers.Run(2, index =>
        {
            if (index == 1)
            {
                isWarm.Wait();
                profiler = Profilers.StartUnbounded(heap, 64 << 10);
                isStarted.Set();
                return;
            }

            heap.Free(heap.Alloc(Bytes));
            isWarm.Set();
            isStarted.Wait();
            for (int i = 0; i < Count; i++)
            {
                heap.Free(heap.Alloc(Bytes));
            }
        });
        Assert.InRange(profiler!.Capture().AllocatedObjects, Count * 0.9, Count * 1.1);
        profiler.Dispose();
    }

    private static void AllocateEverySize(BlockLedger ledger)
    {
        foreach (nuint size in BlockSizes.ClassBoundaries.Where((_, index) => index % 3 == 0))
        {
            ledger.Allocate(size);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint AllocateHere(HakmemAllocator heap, nuint bytes)
    {
        nint block = (nint)heap.Alloc(bytes);
        return block | 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint AllocateThere(HakmemAllocator heap, nuint bytes)
    {
        nint block = (nint)heap.AllocZeroed(bytes);
        return block | 0;
    }
}
