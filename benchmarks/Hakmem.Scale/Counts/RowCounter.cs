using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Workloads;
using Hakmem.Os;

namespace Hakmem.Scale.Counts;

/// <summary>Runs workloads with threads and counts. One at a time.</summary>
internal static class RowCounter
{
    /// <summary>The kind under which the gates of thread caches are counted.</summary>
    public const string GateKind = "ThreadCache.Gate";

    /// <summary>The rows that can be counted.</summary>
    public static IReadOnlyList<CountedRow> Rows { get; } =
    [
        new("private-16", 600_000, 60_000),
        new("private-48", 600_000, 60_000),
        new("private-64", 600_000, 60_000),
        new("dealt-16", 1_000_000, 200_000),
        new("dealt-48", 1_000_000, 200_000),
        new("larson", 4_000_000, 400_000),
        new("larson-tiny", 4_000_000, 400_000),
        new("xmalloc", 2_000_000, 400_000),

        // Its threads are new in each wave: the first wave warms up.
        new("mstress", 400_000, 0),
        new("windows-2", 2_000_000, 200_000),
    ];

    /// <summary>Counts one row.</summary>
    public static RowCounts Count(CountedRow row)
    {
        Workload workload = WorkloadCatalog.Find(row.Name);
        WorkloadBody body = workload.ForAllocator<TracedSubject>()
            ?? throw new ArgumentException($"{row.Name} has no form for blocks.", nameof(row));
        if (row.WarmUpCalls == 0)
        {
            Lane.Begin(long.MaxValue);
            body(1);
        }

        Lane.Begin(row.WarmUpCalls);
        body(row.Operations);
        Dictionary<UninterruptibleLock, string> names = LockNames.Find(HakmemAllocator.Shared);
        long operations = Lane.All.Sum(lane => lane.Allocations);
        long settled = Lane.All.Sum(lane => lane.SettledAllocations);
        double PerThousand(long count) => 1000.0 * count / operations;
        return new RowCounts
        {
            Workload = row.Name,
            Workers = workload.WorkerCount,
            Operations = operations,
            FreedByAnother = PerThousand(Lane.All.Sum(lane => lane.FreedOfOthers)),
            TakenFromAnother = PerThousand(Lane.All.Sum(lane => lane.TakenFromOthers)),
            LinesOfAnother = PerThousand(Lane.All.Sum(lane => lane.LinesOfOthers)),
            SettledOperations = settled,
            SharedLines = 1000.0 * Lane.All.Sum(lane => lane.SharedLines) / settled,
            SharedWords = PerThousand(Lane.All.Sum(lane => lane.SharedWords)),
            Locks = [.. UsesByKind(names)
                .OrderByDescending(use => use.Value.Entries)
                .Select(use => new LockCounts(use.Key, PerThousand(use.Value.Entries), PerThousand(use.Value.Waits)))],
        };
    }

    private static Dictionary<string, LockUse> UsesByKind(Dictionary<UninterruptibleLock, string> names)
    {
        Dictionary<string, LockUse> kinds = [];
        foreach (Lane lane in Lane.All)
        {
            Add(kinds, GateKind, lane.Gate);
            foreach ((UninterruptibleLock entered, LockUse use) in lane.Locks)
            {
                Add(kinds, names.GetValueOrDefault(entered, "another"), use);
            }
        }

        return kinds;
    }

    private static void Add(Dictionary<string, LockUse> kinds, string kind, LockUse use)
    {
        if (!kinds.TryGetValue(kind, out LockUse? sum))
        {
            kinds.Add(kind, sum = new LockUse());
        }

        sum.Add(use);
    }
}

/// <summary>A row that can be counted.</summary>
/// <param name="Name">The workload's name.</param>
/// <param name="Operations">The operations of all workers.</param>
/// <param name="WarmUpCalls">Calls of each worker before it is counted; 0 if a run of its own warms up.</param>
internal sealed record CountedRow(string Name, long Operations, long WarmUpCalls);
