using System.Collections.Generic;

namespace Hakmem.Scale.Counts;

/// <summary>What the workers of one workload did in the steady state. All figures are for a thousand
/// operations.</summary>
internal sealed record RowCounts
{
    /// <summary>The workload's name.</summary>
    public required string Workload { get; init; }

    /// <summary>The threads that worked at once.</summary>
    public required int Workers { get; init; }

    /// <summary>How many operations were counted: allocations.</summary>
    public required long Operations { get; init; }

    /// <summary>Blocks that were freed by another worker than allocated them.</summary>
    public required double FreedByAnother { get; init; }

    /// <summary>Blocks that were allocated at an address that another worker had allocated before.</summary>
    public required double TakenFromAnother { get; init; }

    /// <summary>Writes to cache lines of blocks that another worker had written last.</summary>
    public required double LinesOfAnother { get; init; }

    /// <summary>How many operations were counted while each worker's thread had its cache for long enough to have
    /// replaced the blocks of the thread before it.</summary>
    public required long SettledOperations { get; init; }

    /// <summary>Writes to cache lines that another worker had written last, and in which it had a block at that time:
    /// false sharing. For a thousand of the <see cref="SettledOperations"/>.</summary>
    public required double SharedLines { get; init; }

    /// <summary>Interlocked operations on words that all threads share.</summary>
    public required double SharedWords { get; init; }

    /// <summary>The entries of locks, by their kind, the most frequent first.</summary>
    public required IReadOnlyList<LockCounts> Locks { get; init; }
}

/// <summary>How often locks of a kind were entered, for a thousand operations.</summary>
/// <param name="Kind">The type and the field that has the lock.</param>
/// <param name="Entries">How often they were entered.</param>
/// <param name="Waits">How often another thread held them then.</param>
internal sealed record LockCounts(string Kind, double Entries, double Waits);
