using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Hakmem.Pages;
using Hakmem.Tests.Concurrency;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Pages;

// The bitmap beside a HashSet that is asked the same questions the slow way.
public sealed class SuperSlabBitmapTests : IDisposable
{
    // Beyond three words of the bitmap, so that runs cross their borders.
    private const int MaxIndex = 210;

    private static readonly Gen<(int First, int Count)[]> s_ranges = Gen.Select(Gen.Int[0, MaxIndex - 70], Gen.Int[1, 70]).Array[0, 24];

    private readonly FaultyMemory _os = new();
    private readonly MetadataAllocator _metadata;

    public SuperSlabBitmapTests() => _metadata = new MetadataAllocator(_os);

    public void Dispose() => _os.Dispose();

    [Fact]
    public void AnEmptySetFindsNothing()
    {
        SuperSlabBitmap set = new(_metadata);
        Assert.Equal(-1, set.NextMember(0));
        Assert.Equal(5, set.NextGap(5, 100));
        Assert.Equal(-1, set.FindRun(1, 1, 0));
        Assert.Equal(0, set.FindGapRun(100, 1, 0, 100));
        Assert.Equal(-1, set.FindGapRun(101, 1, 0, 100));
        Assert.False(set.Contains(0));
        Assert.Equal(0, set.Count);
    }

    // Twice: it begins with room for 512.
    [Fact]
    public void ASetThatGrowsKeepsItsMembers()
    {
        SuperSlabBitmap set = new(_metadata);
        set.Add(3, 2);
        Assert.True(set.TryReserve(1_000));
        set.Add(900, 1);
        Assert.True(set.TryReserve(5_000));
        Assert.Equal((3, 4, 900, -1), (set.NextMember(0), set.NextMember(4), set.NextMember(5), set.NextMember(901)));
        Assert.Equal(3, set.Count);
    }

    [Fact]
    public void MembersAndGapsAreThoseOfTheModel() =>
        s_ranges.Sample(ranges =>
        {
            (SuperSlabBitmap set, HashSet<int> model) = Toggle(ranges);
            Assert.Equal(model.Count, set.Count);
            for (int from = 0; from <= MaxIndex; from++)
            {
                Assert.Equal(model.Contains(from), set.Contains(from));
                Assert.Equal(model.Where(index => index >= from).DefaultIfEmpty(-1).Min(), set.NextMember(from));
                Assert.Equal(NextGap(model, from, MaxIndex), set.NextGap(from, MaxIndex));
            }
        });

    [Fact]
    public void RunsAreTheLowestOfTheirAlignment() =>
        Gen.Select(s_ranges, Gen.Int[1, 70], Gen.Int[0, 5], Gen.Int[0, 31]).Sample((ranges, length, alignmentLog2, anyPhase) =>
        {
            int alignment = 1 << alignmentLog2;
            int phase = anyPhase % alignment;
            (SuperSlabBitmap set, HashSet<int> model) = Toggle(ranges);
            Assert.Equal(FirstRun(model.Contains, length, alignment, phase, MaxIndex), set.FindRun(length, alignment, phase));

            // A limit short of the bitmap's end and one beyond it.
            foreach (int limit in new[] { 100, MaxIndex, 1_000 })
            {
                int expected = FirstRun(index => !model.Contains(index), length, alignment, phase, limit);
                Assert.Equal(expected, set.FindGapRun(length, alignment, phase, limit));
            }
        });

    [Fact]
    public void ClearForgetsAllMembers()
    {
        SuperSlabBitmap set = new(_metadata);
        Assert.True(set.TryReserve(70));
        set.Add(60, 10);
        set.Clear();
        Assert.Equal(0, set.Count);
        Assert.Equal(-1, set.NextMember(0));
    }

    [Fact]
    public void WithoutMemoryTheSetStaysAsItIs()
    {
        SuperSlabBitmap set = new(_metadata);
        Assert.True(set.TryReserve(70));
        set.Add(69, 1);
        int limit = set.Limit;
        _os.RefuseAll(OsCall.Reserve);
        _os.RefuseAll(OsCall.Commit);
        while (TryTake())
        {
        }

        Assert.False(set.TryReserve(limit + 1));
        Assert.Equal(limit, set.Limit);
        Assert.True(set.Contains(69));
    }

    [Fact]
    public void MoreThanTheLargestArenaHasIsRefused()
    {
        SuperSlabBitmap set = new(_metadata);
        Assert.True(set.TryReserve(524_288));
        set.Add(524_287, 1);
        Assert.False(set.TryReserve(524_289));
        Assert.Equal(524_287, set.NextMember(0));
    }

    private unsafe bool TryTake() => _metadata.TryAllocate(64) != null;

    // Adds ranges; those that are members in part are taken out instead.
    private (SuperSlabBitmap Set, HashSet<int> Model) Toggle((int First, int Count)[] ranges)
    {
        SuperSlabBitmap set = new(_metadata);
        HashSet<int> model = [];
        foreach ((int first, int count) in ranges)
        {
            int[] indexes = [.. Enumerable.Range(first, count)];
            int[] members = [.. indexes.Where(model.Contains)];
            if (members.Length == 0)
            {
                Assert.True(set.TryReserve(first + count));
                set.Add(first, count);
                model.UnionWith(indexes);
            }
            else
            {
                foreach (int member in members)
                {
                    set.Remove(member, 1);
                }

                model.ExceptWith(members);
            }
        }

        return (set, model);
    }

    private static int NextGap(HashSet<int> model, int from, int limit)
    {
        while (from < limit && model.Contains(from))
        {
            from++;
        }

        return from;
    }

    private static int FirstRun(System.Func<int, bool> isIn, int length, int alignment, int phase, int limit)
    {
        for (int first = 0; first + length <= limit; first++)
        {
            if ((first + phase) % alignment == 0 && Enumerable.Range(first, length).All(isIn))
            {
                return first;
            }
        }

        return -1;
    }
}
