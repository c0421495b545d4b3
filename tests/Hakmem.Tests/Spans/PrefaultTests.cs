using System.Linq;
using Hakmem.SizeClasses;
using Hakmem.Tests.Arenas;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Spans;

// What is prefaulted, counted where the calls leave the allocator. The original populated 4 MiB to get an aligned 2 MiB, and lost a third
// of its speed by it.
public sealed unsafe class PrefaultTests
{
    private const nuint SuperSlab = BlockSizes.SuperSlab;

    [Theory]
    [InlineData(PrefaultMode.WillNeed)]
    [InlineData(PrefaultMode.Populate)]
    [InlineData(PrefaultMode.Touch)]
    public void EachCommittedByteIsPrefaultedOnceAndNoOther(PrefaultMode mode)
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions { Prefault = mode, LazyZero = LazyZeroMode.Off }, test.Arena);
        AllocateByEveryRoute(heap);

        (nuint Address, nuint Bytes)[] committed = Ranges(test, OsCall.Commit);
        Assert.NotEmpty(committed);
        Assert.Equal(committed, Ranges(test, OsCall.Prefault));
        Assert.All(committed, range => Assert.Equal((nuint)0, (range.Address | range.Bytes) % SuperSlab));
        Assert.Equal(heap.GetStatistics().PeakCommittedBytes, committed.Sum(range => (long)range.Bytes));
    }

    [Fact]
    public void ASmallBlockPrefaultsOneSuperSlab()
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions { Prefault = PrefaultMode.Populate }, test.Arena);
        heap.Alloc(16);
        Assert.Equal(((nuint)test.Arena.Base, SuperSlab), Assert.Single(Ranges(test, OsCall.Prefault)));
    }

    [Fact]
    public void WithoutPrefaultThereIsNoCall()
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions { Prefault = PrefaultMode.None }, test.Arena);
        AllocateByEveryRoute(heap);
        Assert.Empty(Ranges(test, OsCall.Prefault));
    }

    [Fact]
    public void WhatIsReusedIsNotPrefaultedAgain()
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions { Prefault = PrefaultMode.Populate, LazyZero = LazyZeroMode.Off }, test.Arena);
        void* block = heap.Alloc(5 * SuperSlab);
        heap.Free(block);
        test.Os.ForgetCalls();
        Assert.True(heap.Alloc(5 * SuperSlab) == block);
        Assert.Empty(test.Os.Calls);
    }

    [Fact]
    public void ARefusedPrefaultCostsNothingButSpeed()
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions { Prefault = PrefaultMode.Populate }, test.Arena);
        test.Os.RefuseAll(OsCall.Prefault);
        Block block = Block.Allocate(heap, 3 * SuperSlab, 1);
        block.Verify();
        Assert.Contains(test.Os.Calls, call => call.Kind == OsCall.Prefault && !call.IsDone);
    }

    private static void AllocateByEveryRoute(HakmemAllocator heap)
    {
        heap.Alloc(BlockSizes.Tiny);
        heap.Alloc(BlockSizes.Mid);
        heap.AlignedAlloc(1_000, SuperSlab);
        heap.AlignedAlloc(3 * SuperSlab, 4 * SuperSlab);
        void* cached = heap.Alloc(2 * SuperSlab);
        heap.Alloc((3 * SuperSlab) + 1);

        // A run around cached SuperSlabs, then one that grows in place.
        heap.Free(cached);
        void* grown = heap.Alloc(9 * SuperSlab);
        heap.Realloc(grown, 20 * SuperSlab);
    }

    // The calls on SuperSlabs, not those on tables and records.
    private static (nuint Address, nuint Bytes)[] Ranges(TestArena test, OsCall kind) =>
    [
        .. test.Os.Calls
            .Where(call => call.Kind == kind && call.IsDone && call.Address - (nuint)test.Arena.Base < (nuint)test.Arena.ReservedBytes)
            .Select(call => (call.Address, call.Bytes)),
    ];
}
