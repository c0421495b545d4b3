using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Small;

// Pages of spans on which no block is out, by a clock that the test moves.
[Needs(SystemNeed.DiscardKeepsCommitted, SystemNeed.SmallPages)]
public sealed unsafe class SpanPagesTests : IDisposable
{
    private const long Delay = 100;
    private const long Quarter = Delay / 4;
    private const byte Pattern = 0xA5;

    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly SpanLayer _layer = new(SpanLayer.Ageless);
    private readonly int _pageBytes;
    private long _now = uint.MaxValue - 50L;

    public SpanPagesTests() => _pageBytes = (int)_layer.Os.PageSize;

    // Blocks smaller and larger than a page, in spans of one unit and of several.
    public static TheoryData<int> Sizes { get; } = [16, 48, 256, 1_000, 4_096, 5_120, 20_000, 50_000, 200_000];

    public void Dispose() => _layer.Dispose();

    [Theory]
    [MemberData(nameof(Sizes))]
    public void FreePagesAreDiscardedAfterTheDelay(int bytes)
    {
        SpanSet set = NewSet(bytes, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        nint last = blocks[^1];
        Return(set, blocks[..^1]);
        Pass(set);
        Assert.Equal(0, PassesUntil(set, Delay - Quarter).Bytes);
        Assert.Equal(Quarter, NextDueIn(set));

        long free = DownToPage(last - SpanOf(last));
        long behind = info.SpanUnits * Geometry.UnitBytes - UpToPage(info.SpanBlockBytes);
        Assert.Equal(free + behind, PassesUntil(set, Quarter).Bytes);
        Assert.True(IsFilled(last, info.BlockBytes, Pattern));
        Assert.True(IsFilled(SpanOf(last), (int)free, 0));
        Assert.Equal(0, set.QueuedCount);
        AssertSound(set, last);
    }

    [Fact]
    public void AdjoiningPagesOfSeveralUnitsAreOneCall()
    {
        SpanSet set = NewSet(100_000, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[1..]);
        Pass(set);
        PagePurge purge = PassesUntil(set, Delay);
        Assert.Equal(1, purge.Calls);
        Assert.True(purge.Bytes > 2 * Geometry.UnitBytes);
        Assert.Equal(1, _layer.Os.CountOf(OsCall.Discard));
    }

    [Fact]
    public void APageThatWasUsedMeanwhileStartsAnew()
    {
        SpanSet set = NewSet(1_024, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Pass(set);
        PassesUntil(set, Delay - Quarter);

        // The first page's block is used and freed again; the others are as old as before.
        nint used = Fill(set, 1).Single();
        Assert.Equal(blocks[0], used);
        Return(set, used);
        long free = DownToPage(blocks[^1] - SpanOf(blocks[0]));
        Assert.Equal(free - _pageBytes, PassesUntil(set, Quarter).Bytes);
        Assert.Equal(0, PassesUntil(set, Delay - Quarter).Bytes);
        Assert.Equal(_pageBytes, PassesUntil(set, Quarter).Bytes);
    }

    [Fact]
    public void ADiscardedPageIsDiscardedAgainOnlyAfterUse()
    {
        SpanSet set = NewSet(256, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Assert.NotEqual(0, Purge(set, 0).Bytes);
        Assert.Equal(0, Purge(set, 0).Calls);

        // Another free in the span queues it, but gives no page that has memory.
        nint[] again = Fill(set, 2);
        Return(set, again);
        PagePurge purge = Purge(set, 0);
        Assert.Equal((1, _pageBytes), (purge.Calls, purge.Bytes));
        AssertSound(set, blocks[^1]);
    }

    [Fact]
    public void BlocksOnDiscardedPagesAreToBePopulated()
    {
        SpanSet set = NewSet(1_024, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Purge(set, 0);
        FreshRanges fresh = default;
        nint[] slots = new nint[2 * _pageBytes / 1_024];
        fixed (nint* first = slots)
        {
            Assert.Equal(slots.Length, set.AllocMany((void**)first, slots.Length, ref fresh));
        }

        Assert.Equal(1, fresh.Count);
        Assert.Equal(SpanOf(blocks[0]), (nint)fresh.StartOf(0));
        Assert.Equal(SpanOf(blocks[0]) + (2 * _pageBytes), (nint)fresh.EndOf(0));
    }

    [Fact]
    public void ARefusedDiscardIsTriedAgainADelayLater()
    {
        SpanSet set = NewSet(1_024, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Pass(set);
        _layer.Os.RefuseAll(OsCall.Discard);
        Assert.Equal(0, PassesUntil(set, Delay).Bytes);
        Assert.Equal(1, _layer.Os.Refusals);
        AssertSound(set, blocks[^1]);
        _layer.Os.RefuseNone();
        Assert.Equal(0, PassesUntil(set, Delay - Quarter).Bytes);
        Assert.NotEqual(0, PassesUntil(set, Quarter).Bytes);
        AssertSound(set, blocks[^1]);
    }

    [Fact]
    public void APassThatComesLateLetsPagesAgeByTheTime()
    {
        SpanSet set = NewSet(1_024, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Pass(set);
        _now += Delay;
        Assert.NotEqual(0, Pass(set).Bytes);
    }

    [Fact]
    public void NeverUsedBlocksOfADiscardedSpanAreZero()
    {
        SpanSet set = NewSet(32 << 10, out _);
        nint first = Fill(set, 1).Single();
        new Span<byte>((void*)first, 32 << 10).Fill(Pattern);
        Purge(set, 0);
        byte* block = (byte*)set.TryAllocOne(out bool isZero);
        Assert.True(isZero);
        Assert.True(IsFilled((nint)block, 32 << 10, 0));
        Assert.True(IsFilled(first, 32 << 10, Pattern));
    }

    [Fact]
    public void AnEmptySpanLeavesTheQueue()
    {
        SpanSet set = NewSet(1_024, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Assert.Equal(1, set.QueuedCount);
        Return(set, blocks[^1]);
        Assert.Equal(0, set.QueuedCount);
        AssertSound(set);
    }

    [Fact]
    public void ANewSpanHasNoMarksOfTheOneBefore()
    {
        SpanSet set = NewSet(1_024, out SizeClassInfo info);
        nint[] blocks = FillSpan(set, info);
        Return(set, blocks[..^1]);
        Purge(set, 0);
        int unit = _layer.Arena.UnitOf((nuint)blocks[0]);
        Assert.NotEqual(0, _layer.Arena.Span(unit)->DiscardedPages);
        Return(set, blocks[^1]);
        nint[] next = Fill(set, 1);
        Assert.Equal(blocks[0], next.Single());
        Assert.Equal(0, _layer.Arena.Span(unit)->DiscardedPages);
        AssertSound(set, next);
    }

    [Fact]
    public void SpansOfRandomPlacementKeepTheirPoison()
    {
        SizeClassInfo info = s_classes[20];
        SpanSet set = new(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, info, new Random(1));
        nint[] blocks = Fill(set, info.BlocksPerSpan);
        Return(set, blocks[1..]);
        Assert.Equal(0, Purge(set, 0).Calls);
        Assert.Equal(0, _layer.Os.CountOf(OsCall.Discard));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void AnySequenceKeepsContentsAndMarksRight(int bytes)
    {
        SpanSet set = NewSet(bytes, out SizeClassInfo info);
        Random random = new(bytes);
        Dictionary<nint, byte> isOut = [];
        int most = (int)Math.Min(2_000, (24L << 20) / info.BlockBytes);
        for (int step = 0; step < 150; step++)
        {
            switch (random.Next(4))
            {
                case 0 when isOut.Count < most:
                    foreach (nint block in Fill(set, random.Next(1, most)))
                    {
                        byte value = (byte)random.Next(1, 256);
                        new Span<byte>((void*)block, info.BlockBytes).Fill(value);
                        isOut.Add(block, value);
                    }

                    break;
                case 1:
                    int percent = random.Next(100);
                    nint[] chosen = [.. isOut.Keys.Where(_ => random.Next(100) < percent)];
                    Return(set, chosen);
                    Array.ForEach(chosen, block => isOut.Remove(block));
                    break;
                default:
                    _now += random.Next((int)Delay);
                    Pass(set);
                    break;
            }

            AssertSound(set, [.. isOut.Keys]);
        }

        Assert.All(isOut, pair => Assert.True(IsFilled(pair.Key, info.BlockBytes, pair.Value)));
        Assert.NotEqual(0, _layer.Os.CountOf(OsCall.Discard));
    }

    private static bool IsFilled(nint start, int bytes, byte value) =>
        !new ReadOnlySpan<byte>((void*)start, bytes).ContainsAnyExcept(value);

    private static void Return(SpanSet set, params nint[] blocks)
    {
        foreach (nint block in blocks)
        {
            Assert.True(set.TryFree((void*)block));
        }
    }

    // Lowest address first.
    private static nint[] Fill(SpanSet set, int wanted)
    {
        nint[] slots = new nint[wanted];
        FreshRanges fresh = default;
        fixed (nint* first = slots)
        {
            return [.. slots[..set.AllocMany((void**)first, wanted, ref fresh)].Order()];
        }
    }

    // All blocks of a new span, with something in each.
    private static nint[] FillSpan(SpanSet set, SizeClassInfo info)
    {
        nint[] blocks = [.. Enumerable.Range(0, info.BlocksPerSpan).Select(_ => (nint)set.TryAllocOne(out bool _))];
        Assert.Equal(1, set.Count);
        Array.ForEach(blocks, block => new Span<byte>((void*)block, info.BlockBytes).Fill(Pattern));
        return blocks;
    }

    private SpanSet NewSet(int bytes, out SizeClassInfo info)
    {
        info = s_classes[(int)SizeClass.IndexOf((nuint)bytes - 1)];
        return new SpanSet(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, info);
    }

    private nint SpanOf(nint block) =>
        (nint)PageMapEntry.Decode(*_layer.Arena.EntryOf(_layer.Arena.UnitOf((nuint)block))).Address;

    private long DownToPage(long bytes) => bytes / _pageBytes * _pageBytes;

    private long UpToPage(long bytes) => DownToPage(bytes + _pageBytes - 1);

    private PagePurge Purge(SpanSet set, long delayMs)
    {
        PagePurge purge = new();
        for (int left = set.QueuedCount; left > 0; left--)
        {
            Assert.True(set.PurgeNext(_now, delayMs, ref purge));
        }

        return purge;
    }

    private PagePurge Pass(SpanSet set) => Purge(set, Delay);

    private long NextDueIn(SpanSet set) => Pass(set).NextDue - _now;

    // Passes every quarter of the delay until so much time has passed; what they discarded together.
    private PagePurge PassesUntil(SpanSet set, long time)
    {
        PagePurge all = new();
        for (long end = _now + time; _now < end;)
        {
            _now += Quarter;
            PagePurge purge = Pass(set);
            all.Bytes += purge.Bytes;
            all.Calls += purge.Calls;
        }

        return all;
    }

    private void AssertSound(SpanSet set, params nint[] blocks)
    {
        HeapCheck check = new(1);
        int partial = 0;
        int queued = 0;
        foreach (nint span in blocks.Select(SpanOf).Distinct())
        {
            set.Verify(check, _layer.Arena.UnitOf((nuint)span), ref partial, ref queued);
        }

        set.VerifyLists(check, partial, queued);
        Assert.Empty(check.Describe());
    }
}
