using System;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Reports;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reports;

// What the heaps of this process say of themselves, while tests create and dispose others.
public sealed unsafe class HakmemFiguresTests
{
    [Fact]
    public void ReadLiveBlocksAreCountedAndInTheRanges()
    {
        Assert.SkipUnless(HakmemAllocator.IsSupported, "There is no arena.");
        using HakmemAllocator heap = new();
        nuint block = (nuint)heap.Alloc(50_000_000);
        HakmemFigures figures = HakmemFigures.Read();
        Assert.True(figures.LiveBytes >= 50_000_000 && figures.LiveBlocks >= 1 && figures.HeapCount >= 1);
        Assert.True(figures.RecordBytes > 0);
        Assert.Contains(figures.Ranges, range =>
            range.Kind == ResidentKind.HakmemBlocks && block >= range.Start && block + 50_000_000 <= range.End);
        Assert.All(figures.Ranges, range => Assert.True(range.End >= range.Start));
    }

    // The records of a thread's cache are in the ranges of records.
    [Fact]
    public void ReadRangesHoldTheRecords()
    {
        Assert.SkipUnless(HakmemAllocator.IsSupported, "There is no arena.");
        using HakmemAllocator heap = new();
        Heap core = (Heap)heap.LiveHeap!;
        const int Bytes = 1024;
        void* record = core.Metadata.TryAllocate(Bytes);
        HakmemFigures figures = HakmemFigures.Read();
        core.Metadata.Free(record, Bytes);
        Assert.Contains(figures.Ranges, range => range.Kind == ResidentKind.HakmemRecords &&
            (nuint)record >= range.Start && (nuint)record + Bytes <= range.End);
    }

    [Fact]
    public void ReadAllDisposedHeapIsNoLongerListed()
    {
        Assert.SkipUnless(HakmemAllocator.IsSupported, "There is no arena.");
        HakmemAllocator heap = new();
        Heap core = (Heap)heap.LiveHeap!;
        Assert.Contains(core, Heap.ReadAll());
        Assert.NotNull(core.TryGetStatistics());
        heap.Dispose();
        Assert.DoesNotContain(core, Heap.ReadAll());
        Assert.Null(core.TryGetStatistics());
    }

    [Fact]
    public void ReadWhileHeapsComeAndGoNeverThrows()
    {
        const int Rounds = 300;
        int running = 1;
        Exception? failure = null;
        Thread reader = new(() =>
        {
            while (Volatile.Read(ref running) != 0 && failure is null)
            {
                failure = Record.Exception(HakmemFigures.Read);
            }
        });
        reader.Start();
        Workers.Run(2, _ =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                using HakmemAllocator heap = new();
                heap.Free(heap.Alloc(100));
                heap.Alloc(70_000);
            }
        });
        Volatile.Write(ref running, 0);
        reader.Join();
        Assert.Null(failure);
    }
}
