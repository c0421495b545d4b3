using System;

namespace Hakmem;

/// <summary>
/// How a heap behaves. For each value: what the constructor was given wins over the AppContext setting <c>Hakmem.X</c>, which
/// wins over the environment variable <c>HAKMEM_X</c>, which wins over the default.
/// </summary>
public sealed record HakmemOptions
{
    /// <summary>Whether committed memory is populated at once.</summary>
    public PrefaultMode Prefault { get; init; }

    /// <summary>When memory that has become empty is discarded.</summary>
    public LazyZeroMode LazyZero { get; init; }

    /// <summary>What the kernel is told about huge pages.</summary>
    public HugePageMode HugePages { get; init; }

    /// <summary>The hard limit on committed bytes (whole SuperSlabs of 2 MiB); zero for none.</summary>
    public long MaxBytes { get; init; }

    /// <summary>How many bytes of free blocks one thread's cache may hold.</summary>
    public long ThreadCacheBytes { get; init; }

    /// <summary>How many empty SuperSlabs are kept for reuse.</summary>
    public int SuperSlabCacheCount { get; init; }

    /// <summary>How many bytes of empty SuperSlabs are kept for reuse.</summary>
    public long SuperSlabCacheBytes { get; init; }

    /// <summary>How long an empty SuperSlab is kept for reuse before its address range is given back.</summary>
    public TimeSpan SuperSlabCacheTtl { get; init; }

    /// <summary>How long memory stays empty before its pages are discarded.</summary>
    public TimeSpan PurgeDelay { get; init; }

    /// <summary>How much misuse is caught.</summary>
    public HardeningLevel Hardening { get; init; }
}
