using System;
using System.Linq;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

// What is prefaulted, counted where the calls leave the allocator. The original populated 4 MiB to get an aligned 2 MiB, and lost a third
// of its speed by it.
public sealed unsafe class PrefaultTests
{
    private const nuint SuperSlab = BlockSizes.SuperSlab;

    [Theory]
    [InlineData(PrefaultMode.WillNeed)]
    [InlineData(PrefaultMode.Populate)]
    [InlineData(PrefaultMode.Touch)]
    [Needs(SystemNeed.Populates)]
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

    // 64 blocks of a class at a time, of a span that was never used. Where pages are as large as such a span, there is no second one.
    [Theory]
    [InlineData(16, false)]
    [InlineData(64, false)]
    [InlineData(128, true)]
    [InlineData(1024, true)]
    [InlineData(4096, true)]
    [InlineData(8192, false)]
    [InlineData(65536, false)]
    public void PagesOfSmallBlocksCarvedTogetherComeInOneCallIfThereAreTwo(int blockBytes, bool isAskedFor)
    {
        using SpanLayer layer = new(SpanLayer.Ageless);
        nint[] blocks = Fill(layer, blockBytes, 64);
        nuint end = (nuint)blocks.Max() + (nuint)blockBytes;
        bool areTwo = end - (nuint)blocks.Min() > layer.Os.PageSize;
        Assert.True(areTwo || !isAskedFor || layer.Os.PageSize > 4096);
        OsCallRecord[] made = [.. layer.Os.Calls.Where(call => call.Kind == OsCall.Prefault && IsIn(layer.Arena, call))];
        Assert.Equal(isAskedFor && areTwo ? 1 : 0, made.Length);
        foreach (OsCallRecord call in made)
        {
            Assert.Equal((nuint)blocks.Min(), call.Address);
            Assert.InRange(call.Address + call.Bytes, end, end + layer.Os.PageSize - 1);
        }
    }

    // Of 1 KiB blocks, 64 lie in a span.
    [Fact]
    public void BlocksOfSeveralSpansHaveAllTheirPagesAskedFor()
    {
        using SpanLayer layer = new(SpanLayer.Ageless);
        Depot depot = NewDepot(layer, 1024, out _);
        Magazine* magazine = depot.ExchangeForFull(null, 200, isSoonUsed: true);
        Assert.InRange(magazine->Count, 65, 200);
        OsCallRecord[] made = [.. layer.Os.Calls.Where(call => call.Kind == OsCall.Prefault && IsIn(layer.Arena, call))];
        foreach (nint block in new Span<nint>(Magazine.SlotsOf(magazine), magazine->Count).ToArray())
        {
            Assert.Contains(made, call => (nuint)block - call.Address < call.Bytes);
        }
    }

    [Fact]
    public void OnlySoManyStretchesAreRemembered()
    {
        FreshRanges fresh = default;
        for (int i = 0; i < 100; i++)
        {
            fresh.Add((byte*)(i * 300), (byte*)((i * 300) + 100));
            fresh.Add((byte*)((i * 300) + 100), (byte*)((i * 300) + 200));
        }

        Assert.InRange(fresh.Count, 2, 20);
        Assert.All(Enumerable.Range(0, fresh.Count), i => Assert.Equal((i * 300, (i * 300) + 200), ((int)fresh.StartOf(i), (int)fresh.EndOf(i))));
    }

    [Fact]
    public void PagesOfBlocksThatWereUsedBeforeAreNotAskedFor()
    {
        using SpanLayer layer = new(SpanLayer.Ageless);
        nint[] blocks = Fill(layer, 1024, 64);
        SizeClassInfo info = SizeClassInfo.CreateTable().Single(each => each.BlockBytes == 1024);
        layer.Units.Free(layer.Arena.UnitOf((nuint)blocks.Min()), info.SpanUnits);
        layer.Os.ForgetCalls();
        Assert.Equal(blocks.Min(), Fill(layer, 1024, 64).Min());
        Assert.DoesNotContain(layer.Os.Calls, call => call.Kind == OsCall.Prefault);
    }

    // A thread's first magazine of a class may be for one block.
    [Theory]
    [InlineData(100)]
    [InlineData(1_000)]
    [InlineData(4_000)]
    [Needs(SystemNeed.Populates)]
    public void PagesAreAskedForByAThreadThatComesBackForMore(int bytes)
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
        heap.Alloc((nuint)bytes);
        Assert.Empty(Ranges(test, OsCall.Prefault));
        for (int i = 0; i < 1_000; i++)
        {
            heap.Alloc((nuint)bytes);
        }

        Assert.True(test.Os.PageSize > 4096 || Ranges(test, OsCall.Prefault).Length > 0, "No page was asked for.");
    }

    [Fact]
    [Needs(SystemNeed.AdvisesHugePages)]
    public void HugePagesAreNotAskedForPageByPage()
    {
        using SpanLayer layer = new(new HakmemOptions { HugePages = HugePageMode.Always });
        Fill(layer, 1024, 64);
        Assert.DoesNotContain(layer.Os.Calls, call => call.Kind == OsCall.Prefault && IsIn(layer.Arena, call));
    }

    [Fact]
    public void BlocksWhosePagesAreRefusedAreAsGood()
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
        test.Os.RefuseAll(OsCall.Prefault);
        Block[] blocks = [.. Enumerable.Range(0, 2_000).Select(_ => Block.Allocate(heap, 1_000, 1))];
        Assert.True(
            test.Os.PageSize > 4096 || test.Os.Calls.Any(call => call.Kind == OsCall.Prefault && !call.IsDone && IsIn(test.Arena, call)),
            "No page was asked for.");
        Assert.All(blocks, block => block.Verify());
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

    private static nint[] Fill(SpanLayer layer, int blockBytes, int count)
    {
        Depot depot = NewDepot(layer, blockBytes, out SizeClassInfo info);
        Magazine* magazine = depot.ExchangeForFull(null, Math.Min(count, info.BlocksPerSpan), isSoonUsed: true);
        Assert.Equal(Math.Min(count, info.BlocksPerSpan), magazine->Count);
        return new Span<nint>(Magazine.SlotsOf(magazine), magazine->Count).ToArray();
    }

    private static Depot NewDepot(SpanLayer layer, int blockBytes, out SizeClassInfo info)
    {
        info = SizeClassInfo.CreateTable().Single(each => each.BlockBytes == blockBytes);
        return new Depot(layer.Arena, layer.Units, SpanLayer.HeapSlot, info, new DepotBudget());
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
            .Where(call => call.Kind == kind && call.IsDone && IsIn(test.Arena, call))
            .Select(call => (call.Address, call.Bytes)),
    ];

    private static bool IsIn(Arena arena, OsCallRecord call) => call.Address - (nuint)arena.Base < (nuint)arena.ReservedBytes;
}
