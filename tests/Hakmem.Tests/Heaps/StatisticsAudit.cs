using System.Linq;
using Hakmem.Os;
using Hakmem.Records;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Heaps;

// What must hold of every reading of a heap's statistics, whatever other threads do in the heap meanwhile.
internal static class StatisticsAudit
{
    public static void AssertPossible(HakmemStatistics statistics) =>
        AssertPossible(statistics, SystemNeeds.Has(OsFeatures.DiscardKeepsCommitted));

    // keepsCommitted: whether the heap's memory has no decommitted parts within SuperSlabs.
    public static void AssertPossible(HakmemStatistics statistics, bool keepsCommitted)
    {
        foreach (SizeClassStatistics row in statistics.SizeClasses)
        {
            AssertPossible(row);
        }

        long[] figures =
        [
            statistics.LiveBytes, statistics.LiveBlocks, statistics.CachedBytes, statistics.DirtyBytes, statistics.RecordBytes, statistics.PurgedBytes,
            statistics.PurgeCalls, statistics.ReapedBlocks, statistics.SuperSlabsInUse, statistics.SuperSlabsCached, statistics.ThreadCaches,
            statistics.SystemCalls, statistics.SystemCallTime.Ticks, statistics.CorruptionReports,
            statistics.DepotExchanges - statistics.DepotWaits, statistics.FreedBlocks, statistics.FreedBytes,
            statistics.AllocatedBlocks - statistics.FreedBlocks, statistics.AllocatedBytes - statistics.FreedBytes,
        ];
        Assert.True(figures.All(figure => figure >= 0), $"A figure is negative:\n{statistics}");
        if (statistics.IsFallback)
        {
            Assert.InRange(statistics.LiveBytes, 0, statistics.CommittedBytes);
            Assert.InRange(statistics.CommittedBytes, 0, statistics.PeakCommittedBytes);
            Assert.Empty(statistics.SizeClasses);
            Assert.Equal(0, statistics.ReservedBytes + statistics.CachedBytes + statistics.SuperSlabsInUse + statistics.SuperSlabsCached);
            return;
        }

        Assert.InRange(statistics.PeakCommittedBytes, statistics.CommittedBytes, statistics.ReservedBytes);
        long slabs = (long)statistics.SuperSlabsInUse + statistics.SuperSlabsCached;

        // Freed guarded blocks count as dirty, also if they are decommitted.
        Assert.InRange(statistics.DirtyBytes, 0, keepsCommitted ? statistics.CommittedBytes : slabs * Geometry.SlabBytes);
        AssertCommitted(statistics.CommittedBytes, slabs, keepsCommitted);

        // What is handed out lies in SuperSlabs that are in use, and the size classes' part of it in their spans.
        Assert.InRange(statistics.LiveBytes + statistics.CachedBytes, 0, (long)statistics.SuperSlabsInUse * Geometry.SlabBytes);
        Assert.InRange(statistics.SizeClasses.Sum(row => row.SpanBytes), 0, (long)statistics.SuperSlabsInUse * Geometry.SlabBytes);
        Assert.InRange(statistics.SizeClasses.Sum(row => row.LiveBlocks * row.BlockBytes), 0, statistics.LiveBytes);
        Assert.InRange(statistics.SizeClasses.Sum(row => row.CachedBlocks * row.BlockBytes), 0, statistics.CachedBytes);
        Assert.InRange(statistics.SizeClasses.Sum(row => row.LiveBlocks), 0, statistics.LiveBlocks);
    }

    public static void AssertCommitted(long bytes, long slabs, bool keepsCommitted)
    {
        Assert.InRange(bytes, keepsCommitted ? slabs * Geometry.SlabBytes : 0, slabs * Geometry.SlabBytes);
        Assert.Equal(0, bytes % Geometry.UnitBytes);
    }

    private static void AssertPossible(SizeClassStatistics row)
    {
        Assert.True(row is { LiveBlocks: >= 0, CachedBlocks: >= 0, Spans: > 0 }, row.ToString());
        Assert.True((row.LiveBlocks + row.CachedBlocks) * row.BlockBytes <= row.SpanBytes, row.ToString());
    }
}
