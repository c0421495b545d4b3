using System;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Heaps;

// Heap maps of an isolated heap that one thread uses, where they are exact.
public sealed unsafe class HeapMapTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { LazyZero = LazyZeroMode.Off, PurgeDelay = TimeSpan.FromDays(1) });

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AnUnusedHeapHasAnEmptyMap() => Assert.Empty(_heap.GetHeapMap().SuperSlabs);

    [Fact]
    public void ADisposedHeapHasNone()
    {
        HakmemAllocator heap = new();
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(heap.GetHeapMap);
    }

    [Fact]
    public void ABlockIsWhereTheMapSaysItsSpanIs()
    {
        foreach (nuint size in BlockSizes.Classes)
        {
            void* block = _heap.Alloc(size);
            SuperSlabInfo slab = SlabOf(block);
            UnitInfo unit = slab.Units.Span[UnitOf(slab, block)];
            Assert.Equal(SuperSlabKind.Spans, slab.Kind);
            Assert.Equal(UnitKind.Span, unit.Kind);
            Assert.Equal((long)size, unit.BlockBytes);
            Assert.True(unit.BlocksOut > 0);
        }

        MapAudit.AssertMatchesStatistics(_heap);
    }

    [Fact]
    public void ALargeBlockIsARunOfWholeSuperSlabs()
    {
        void* block = _heap.Alloc((3 * BlockSizes.SuperSlab) - 5);
        HakmemHeapMap map = _heap.GetHeapMap();
        Assert.Equal([3, 0, 0], map.SuperSlabs.Select(slab => slab.RunLength));
        Assert.Equal((nuint)block, map.SuperSlabs[0].Address);
        Assert.All(map.SuperSlabs, slab => Assert.Equal(SuperSlabKind.LargeRun, slab.Kind));
        MapAudit.AssertMatchesStatistics(_heap);
    }

    [Fact]
    public void AGrownBlockIsARunOfUnits()
    {
        void* block = _heap.Realloc(_heap.Alloc(60 * BlockSizes.KiB), 200 * BlockSizes.KiB);
        SuperSlabInfo slab = SlabOf(block);
        int first = UnitOf(slab, block);
        UnitInfo[] units = slab.Units.ToArray();
        Assert.Equal(4, units.Count(unit => unit.Kind == UnitKind.GrowableRun));
        Assert.All(units[first..(first + 4)], unit => Assert.Equal(UnitKind.GrowableRun, unit.Kind));
        Assert.True(units[first].IsFirst && !units[first + 1].IsFirst);
        MapAudit.AssertMatchesStatistics(_heap);
    }

    [Fact]
    public void FreeMemoryIsDirtyUntilItIsDiscarded()
    {
        void* kept = _heap.Alloc(BlockSizes.Tiny);
        void* mid = _heap.Alloc(BlockSizes.LargestClass);
        _heap.Free(_heap.Alloc(BlockSizes.SuperSlab));
        _heap.Free(mid);
        UnitInfo[] before = [.. _heap.GetHeapMap().SuperSlabs.SelectMany(slab => slab.Units.ToArray())];
        Assert.Contains(_heap.GetHeapMap().SuperSlabs, slab => slab.Kind == SuperSlabKind.CachedDirty);
        Assert.Contains(before, unit => unit.Kind == UnitKind.FreeDirty);
        MapAudit.AssertMatchesStatistics(_heap);

        _heap.Trim();
        SuperSlabInfo left = Assert.Single(_heap.GetHeapMap().SuperSlabs);
        Assert.Equal(SuperSlabKind.Spans, left.Kind);
        Assert.Equal(31, left.Units.ToArray().Count(unit => unit.Kind == UnitKind.FreeClean));
        Assert.InRange(left.DirtyBytes, 1, HakmemHeapMap.UnitBytes);
        MapAudit.AssertMatchesStatistics(_heap);
        _heap.Free(kept);
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ADiscardedSuperSlabIsCachedAndClean()
    {
        using HakmemAllocator heap = new(new HakmemOptions { LazyZero = LazyZeroMode.Immediate });
        heap.Free(heap.Alloc(BlockSizes.SuperSlab));
        Assert.Equal(SuperSlabKind.CachedClean, Assert.Single(heap.GetHeapMap().SuperSlabs).Kind);
        MapAudit.AssertMatchesStatistics(heap);
    }

    [Fact]
    public void AMapIsACopy()
    {
        void* block = _heap.Alloc(BlockSizes.Large);
        HakmemHeapMap map = _heap.GetHeapMap();
        SuperSlabInfo[] before = [.. map.SuperSlabs];
        _heap.Free(block);
        _heap.Trim();
        Assert.Empty(_heap.GetHeapMap().SuperSlabs);
        Assert.Equal(before, map.SuperSlabs);
        Assert.All(map.SuperSlabs, slab => Assert.Equal(UnitKind.LargeRun, slab.Units.Span[7].Kind));
    }

    [Fact]
    public void TheMapMatchesTheStatisticsWhateverHappened() => Seeded.Run(seed =>
    {
        Random random = new(seed);
        BlockLedger ledger = new(_heap);
        for (int step = 0; step < 3_000; step++)
        {
            switch (random.Next(10))
            {
                case < 5:
                    ledger.Allocate(random.Next(100) == 0 ? BlockSizes.Large : BlockSizes.RandomSmall(random));
                    break;
                case < 8 when ledger.Count > 0:
                    ledger.Free(random.Next(ledger.Count));
                    break;
                case 8 when ledger.Count > 0:
                    ledger.Resize(random.Next(ledger.Count), (nuint)random.Next(1, 3 << 20));
                    break;
            }

            if (step % 100 == 0)
            {
                MapAudit.AssertMatchesStatistics(_heap);
            }
        }

        ledger.FreeAll();
        MapAudit.AssertMatchesStatistics(_heap);
        _heap.Trim();
        MapAudit.AssertMatchesStatistics(_heap);
    });

    private SuperSlabInfo SlabOf(void* block) =>
        _heap.GetHeapMap().SuperSlabs.Single(slab => (nuint)block - slab.Address < HakmemHeapMap.SuperSlabBytes);

    private static int UnitOf(SuperSlabInfo slab, void* block) => (int)(((nuint)block - slab.Address) / HakmemHeapMap.UnitBytes);
}
