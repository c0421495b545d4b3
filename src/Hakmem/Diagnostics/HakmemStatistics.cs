using System;
using System.Collections.Generic;

namespace Hakmem;

/// <summary>A heap's figures at one moment. All sizes are in bytes.</summary>
public sealed record HakmemStatistics
{
    /// <summary>Bytes in blocks that callers hold, counted at their size class (what <see cref="IHakmemAllocator.UsableSize"/> says).</summary>
    public long LiveBytes { get; init; }

    /// <summary>Blocks that callers hold.</summary>
    public long LiveBlocks { get; init; }

    /// <summary>Bytes in free blocks that sit in thread caches and depots, ready to be handed out.</summary>
    public long CachedBytes { get; init; }

    /// <summary>Bytes of address space that are readable and writable: what <see cref="HakmemOptions.MaxBytes"/> limits.</summary>
    public long CommittedBytes { get; init; }

    /// <summary>The largest value <see cref="CommittedBytes"/> has had.</summary>
    public long PeakCommittedBytes { get; init; }

    /// <summary>Bytes of address space reserved by the process-wide arena that this heap draws from.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>Committed bytes that may hold physical pages: touched since they were committed or last discarded.</summary>
    public long DirtyBytes { get; init; }

    /// <summary>SuperSlabs that hold spans or large runs.</summary>
    public int SuperSlabsInUse { get; init; }

    /// <summary>Empty SuperSlabs kept for reuse.</summary>
    public int SuperSlabsCached { get; init; }

    /// <summary>Thread caches: those of live threads and those of dead threads that nobody has adopted yet.</summary>
    public int ThreadCaches { get; init; }

    /// <summary>Figures for each size class that has spans, smallest first.</summary>
    public IReadOnlyList<SizeClassStatistics> SizeClasses { get; init; } = [];
}
