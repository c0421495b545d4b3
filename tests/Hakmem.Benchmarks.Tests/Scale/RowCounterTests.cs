extern alias scale;

using System;
using System.Linq;
using scale::Hakmem.Scale.Counts;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Scale;

// What workloads with threads do to locks and cache lines, by counts for a thousand operations. They depend on the
// order in which threads run, not on how fast they do.
public sealed class RowCounterTests
{
    [Theory]
    [InlineData("private-16")]
    [InlineData("private-48")]
    [InlineData("private-64")]
    [InlineData("dealt-16")]
    [InlineData("dealt-48")]
    public void ThreadsWithTheirOwnBlocksShareNoLine(string name)
    {
        RowCounts counts = Count(name);
        Assert.True(counts.Operations > 100_000);
        Assert.Equal((0, 0), (counts.FreedByAnother, counts.SharedLines));
        Assert.Equal(0, Math.Round(counts.LinesOfAnother));
        Assert.InRange(EntriesOf(counts, "DepotStripe.Lock"), 0, 9);
        Assert.Equal(0, Math.Round(EntriesOf(counts, "Depot.lock")));
    }

    // A new thread takes over the cache of one that ended, perhaps of the other worker's: so lines go from one worker
    // to the other, and for a while both write to lines of blocks that the worker before it left. Once these are
    // replaced, they do so not once in a thousand operations.
    [Fact]
    public void LarsonTinySharesNoLineAndMovesFew()
    {
        RowCounts counts = Count("larson-tiny");
        Assert.InRange(counts.SettledOperations, 100_000, counts.Operations);
        Assert.Equal(0, Math.Round(counts.SharedLines));
        Assert.InRange(counts.LinesOfAnother, 0, 40);
        Assert.InRange(EntriesOf(counts, "DepotStripe.Lock"), 0, 4);
        Assert.InRange(EntriesOf(counts, "Depot.lock"), 0, 1);
    }

    [Fact]
    public void XmallocExchangesBlocksByTheMagazine()
    {
        RowCounts counts = Count("xmalloc");
        Assert.Equal(1000, Math.Round(counts.FreedByAnother));
        Assert.InRange(EntriesOf(counts, "DepotStripe.Lock"), 1, 40);
        Assert.InRange(EntriesOf(counts, "Depot.lock"), 0, 30);
    }

    [Theory]
    [InlineData("private-64")]
    [InlineData("windows-2")]
    public void ThreadsThatShareNothingSeldomWait(string name)
    {
        RowCounts counts = Count(name);
        Assert.Contains(counts.Locks, use => use.Kind == RowCounter.GateKind && use.Entries > 0);
        Assert.All(counts.Locks, use => Assert.InRange(use.Waits, 0, Math.Min(use.Entries, 0.5)));
        Assert.DoesNotContain(counts.Locks, use => use.Kind == "another");
    }

    private static RowCounts Count(string name) => RowCounter.Count(RowCounter.Rows.Single(row => row.Name == name));

    private static double EntriesOf(RowCounts counts, string kind) =>
        counts.Locks.Where(use => use.Kind == kind).Sum(use => use.Entries);
}
