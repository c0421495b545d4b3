using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Small;

// Blocks out of spans, and back by bits.
public sealed unsafe class SpanSetTests : IDisposable
{
    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly SpanLayer _layer = new(SpanLayer.Ageless);

    public static TheoryData<int> SomeClasses { get; } = [0, 3, 17, 40, 64, 80, 95, 96, 103, 104, 111];

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void ANewSpansBlocksComeInAscendingOrderFromTheLastSlotOn()
    {
        SpanSet set = NewSet(5, out SizeClassInfo info);
        nint[] blocks = Fill(set, 10);
        nint start = (nint)_layer.Arena.AddressOfUnit(0);
        Assert.Equal(Enumerable.Range(0, 10).Select(index => start + (index * info.BlockBytes)), blocks.Reverse());
        Assert.Equal(10, set.BlocksOut);
        Assert.Equal(1, set.Count);
    }

    [Fact]
    public void ReturnedBlocksAreUsedBeforeNewOnes()
    {
        SpanSet set = NewSet(5, out SizeClassInfo info);
        nint[] blocks = [.. Fill(set, 10).Reverse()];
        Return(set, blocks[7], blocks[3]);
        nint[] next = [.. Fill(set, 4).Reverse()];
        nint start = blocks[0];
        Assert.Equal([blocks[3], blocks[7], start + (10 * info.BlockBytes), start + (11 * info.BlockBytes)], next);
    }

    [Fact]
    public void ASingleBlockIsANewOneWhileThereIsOne()
    {
        SpanSet set = NewSet(64, out SizeClassInfo info);
        nint[] blocks = [.. Fill(set, info.BlocksPerSpan - 1).Reverse()];
        Return(set, blocks[0]);
        Assert.Equal(blocks[^1] + info.BlockBytes, (nint)set.TryAllocOne(out bool isZero));
        Assert.True(isZero);
        Assert.Equal(blocks[0], (nint)set.TryAllocOne(out isZero));
        Assert.False(isZero);
    }

    [Fact]
    public void ASingleBlockOfAReusedSpanIsNotKnownToBeZero()
    {
        SpanSet set = NewSet(64, out _);
        nint keep = (nint)set.TryAllocOne(out _);
        SpanSet other = NewSet(40, out _);
        nint block = (nint)other.TryAllocOne(out bool isZero);
        Assert.True(isZero);
        Return(other, block);
        Assert.Equal(block, (nint)other.TryAllocOne(out isZero));
        Assert.False(isZero);
        Return(set, keep);
    }

    [Theory]
    [MemberData(nameof(SomeClasses))]
    public void WhatIsNotABlockThatIsOutIsRefusedAndChangesNothing(int index)
    {
        SpanSet set = NewSet(index, out SizeClassInfo info);
        nint block = Fill(set, 1)[0];
        Fill(set, 1);
        long isOut = set.BlocksOut;

        // Between blocks, misaligned, of no span at all, and (where the span has a third block) never handed out.
        Assert.False(info.BlocksPerSpan > 2 && set.TryFree((void*)(block + ((info.BlocksPerSpan - 1) * (nint)info.BlockBytes))));
        Assert.False(set.TryFree((void*)(block + (info.BlockBytes / 2))));
        Assert.False(set.TryFree((void*)(block + 1)));
        Assert.False(set.TryFree(_layer.Arena.AddressOfUnit((_layer.Arena.SlabCount * Geometry.UnitsPerSlab) - 1)));
        Assert.Equal(isOut, set.BlocksOut);
        Return(set, block);
        Assert.False(set.TryFree((void*)block));
        Assert.Equal(isOut - 1, set.BlocksOut);
    }

    [Fact]
    public void AnotherClassesOrHeapsBlockIsRefused()
    {
        SpanSet set = NewSet(5, out SizeClassInfo info);
        SpanSet otherClass = NewSet(6, out _);
        SpanSet otherHeap = new(_layer.Arena, _layer.Units, SpanLayer.HeapSlot + 1, info);
        nint block = Fill(set, 1)[0];
        Assert.False(otherClass.TryFree((void*)block));
        Assert.False(otherHeap.TryFree((void*)block));
        Return(set, block);
    }

    [Theory]
    [MemberData(nameof(SomeClasses))]
    public void ASpanWhoseBlocksAreAllBackIsGone(int index)
    {
        SpanSet set = NewSet(index, out SizeClassInfo info);
        List<nint> blocks = [];
        while (blocks.Count < 2 * info.BlocksPerSpan)
        {
            blocks.Add((nint)set.TryAllocOne(out _));
        }

        Assert.Equal(2, set.Count);
        Assert.Equal(blocks.Count, blocks.Distinct().Count());
        Random random = new(index);
        nint[] shuffled = [.. blocks];
        random.Shuffle(shuffled);
        Return(set, shuffled);
        Assert.Equal(0, set.Count);
        Assert.Equal(0, set.BlocksOut);
        for (int unit = 0; unit < 2 * Geometry.UnitsPerSlab; unit++)
        {
            Assert.Equal(0UL, *_layer.Arena.EntryOf(unit));
        }

        Assert.Equal(_layer.Cache.OwnedCount, _layer.Cache.CachedCount);
    }

    [Fact]
    public void ManyAreTakenFromNewSpansOnlyForTheFirstHalf()
    {
        SpanSet set = NewSet(80, out SizeClassInfo info);
        int perSpan = info.BlocksPerSpan;

        // Enough for half after the second span, so no third: fewer than were wanted.
        Assert.Equal(2 * perSpan, Fill(set, (4 * perSpan) - 2).Length);
        Assert.Equal(2, set.Count);
    }

    [Fact]
    public void TheFullestSpanIsUsedFirstSoThatTheEmptiestDrains()
    {
        SpanSet set = NewSet(64, out SizeClassInfo info);
        int perSpan = info.BlocksPerSpan;
        nint[] blocks = [.. Enumerable.Range(0, 3 * perSpan).Select(_ => (nint)set.TryAllocOne(out bool _))];
        nint[] first = blocks[..perSpan];
        nint[] second = blocks[perSpan..(2 * perSpan)];
        nint[] third = blocks[(2 * perSpan)..];

        // One in eight of the first span's blocks is left, half of the second's and one in four of the third's.
        Return(set, second[(perSpan / 2)..]);
        Return(set, first[(perSpan / 8)..]);
        Return(set, third[(perSpan / 4)..]);
        Assert.Equal(second[(perSpan / 2)..], Fill(set, perSpan - (perSpan / 2)).Order());
        Assert.Equal(third[(perSpan / 4)..], Fill(set, perSpan - (perSpan / 4)).Order());
        AssertSound(set, blocks);
        Return(set, first[..(perSpan / 8)]);
        Assert.Equal(2, set.Count);
        AssertSound(set, second.Concat(third));
    }

    [Fact]
    public void MemoryOutGivesWhatThereIs()
    {
        SpanSet set = NewSet(104, out SizeClassInfo info);
        nint first = Fill(set, 1)[0];
        _layer.Os.RefuseAll(OsCall.Commit);
        int rest = (Geometry.UnitsPerSlab / info.SpanUnits * info.BlocksPerSpan) - 1;
        Assert.Equal(rest, Enumerable.Range(0, 2 * rest).Count(_ => set.TryAllocOne(out bool _) != null));
        Assert.Empty(Fill(set, 5));
        Assert.Equal(rest + 1, set.BlocksOut);
        Return(set, first);
        Assert.Equal(first, Fill(set, 5).Single());
    }

    [Theory]
    [MemberData(nameof(SomeClasses))]
    public void AnySequenceKeepsBlocksApartAndTheCountExact(int index)
    {
        SpanSet set = NewSet(index, out SizeClassInfo info);
        Random random = new(index);
        HashSet<nint> isOut = [];
        int most = (int)Math.Min(5_000, (100L << 20) / info.BlockBytes);
        for (int step = 0; step < 600; step++)
        {
            if (random.Next(2) == 0 && isOut.Count < most)
            {
                foreach (nint block in Fill(set, random.Next(1, Math.Min(most, 200))))
                {
                    Assert.True(isOut.Add(block));
                }
            }
            else
            {
                nint[] chosen = [.. isOut.Where(_ => random.Next(3) == 0)];
                Return(set, chosen);
                isOut.ExceptWith(chosen);
            }

            Assert.Equal(isOut.Count, set.BlocksOut);
            AssertSound(set, isOut);
        }

        nint[] sorted = [.. isOut.Order()];
        Assert.All(sorted.Zip(sorted.Skip(1)), pair => Assert.True(pair.Second - pair.First >= info.BlockBytes));
        Return(set, sorted);
        Assert.Equal(0, set.Count);
    }

    private void AssertSound(SpanSet set, IEnumerable<nint> blocks)
    {
        HeapCheck check = new(1);
        int partial = 0;
        int queued = 0;
        IEnumerable<ulong> spans = blocks.Select(
            block => (ulong)PageMapEntry.Decode(_layer.Arena.EntryOf((void*)block)).Address);
        foreach (ulong span in spans.Distinct())
        {
            set.Verify(check, _layer.Arena.UnitOf((nuint)span), ref partial, ref queued);
        }

        set.VerifyLists(check, partial, queued);
        Assert.Empty(check.Describe());
    }

    private SpanSet NewSet(int index, out SizeClassInfo info)
    {
        info = s_classes[index];
        return new SpanSet(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, info);
    }

    private static nint[] Fill(SpanSet set, int wanted)
    {
        nint[] slots = new nint[wanted];
        FreshRanges fresh = default;
        fixed (nint* first = slots)
        {
            return slots[..set.AllocMany((void**)first, wanted, ref fresh)];
        }
    }

    private static void Return(SpanSet set, params nint[] blocks)
    {
        foreach (nint block in blocks)
        {
            Assert.True(set.TryFree((void*)block));
        }
    }
}
