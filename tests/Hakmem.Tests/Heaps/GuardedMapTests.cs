using System;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Heaps;

// Heap maps of heaps with guarded blocks: fully hardened ones, and those with guarded sampling.
public sealed unsafe class GuardedMapTests
{
    public static TheoryData<nuint> GuardedBytes { get; } = [2_000, 100 * BlockSizes.KiB, BlockSizes.MiB, BlockSizes.Large];

    [Theory]
    [MemberData(nameof(GuardedBytes))]
    public void MapShowsGuardedBlocksOfFullHardening(nuint bytes) =>
        AssertShown(new HakmemOptions { Hardening = HardeningLevel.Full, QuarantineBytes = 0 }, bytes);

    // Larger ones are not sampled.
    [Fact]
    public void MapShowsGuardedBlocksOfSampling() =>
        AssertShown(new HakmemOptions { GuardedSampleInterval = 1, QuarantineBytes = 0 }, 200 * BlockSizes.KiB);

    [Fact]
    public void MapShowsGuardedBlocksInQuarantine()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Full });
        void* block = heap.Alloc(100 * BlockSizes.KiB);
        heap.Free(block);
        Assert.Contains(UnitsOf(heap), unit => unit.Kind == UnitKind.Guarded);
        MapAudit.AssertMatchesStatistics(heap);
    }

    private static void AssertShown(HakmemOptions options, nuint bytes)
    {
        using HakmemAllocator heap = new(options);
        void* small = heap.Alloc(100);
        void*[] blocks = [heap.Alloc(bytes), heap.Alloc(bytes)];
        foreach (void* block in blocks)
        {
            SuperSlabInfo slab = heap.GetHeapMap().SuperSlabs.Single(each => (nuint)block - each.Address < HakmemHeapMap.SuperSlabBytes);
            UnitInfo unit = slab.Units.Span[(int)(((nuint)block - slab.Address) / HakmemHeapMap.UnitBytes)];
            Assert.Equal((UnitKind.Guarded, 0, 0, 0), (unit.Kind, unit.BlockBytes, unit.BlockCount, unit.BlocksOut));
        }

        // Each range begins somewhere, and a range has the block's bytes at least.
        UnitInfo[] guarded = [.. UnitsOf(heap).Where(unit => unit.Kind == UnitKind.Guarded)];
        Assert.InRange(guarded.Count(unit => unit.IsFirst), blocks.Length, blocks.Length + 1);
        Assert.True(guarded.LongLength * HakmemHeapMap.UnitBytes >= 2 * (long)bytes);
        MapAudit.AssertMatchesStatistics(heap);
        foreach (void* block in blocks)
        {
            heap.Free(block);
        }

        heap.Free(small);
        heap.Trim();
        Assert.DoesNotContain(UnitsOf(heap), unit => unit.Kind == UnitKind.Guarded);
    }

    private static UnitInfo[] UnitsOf(HakmemAllocator heap) => [.. heap.GetHeapMap().SuperSlabs.SelectMany(slab => slab.Units.ToArray())];
}
