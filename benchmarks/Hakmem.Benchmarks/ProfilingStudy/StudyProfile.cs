using System.Collections.Generic;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// What a profiled process saw during its timed operations. Null figures are not available on this machine.
/// </summary>
internal sealed record StudyProfile
{
    /// <summary>The system calls that the allocator made, by name; empty for a subject that is not Hakmem.</summary>
    public required IReadOnlyList<SystemCall> Calls { get; init; }

    /// <summary>Samples of the measuring thread by whose code it was in, or null.</summary>
    public required IReadOnlyDictionary<CodePlace, int>? Samples { get; init; }

    public required long? Cycles { get; init; }

    public required long? Instructions { get; init; }

    /// <summary>Reads that the first-level data cache did not have.</summary>
    public required long? Level1Misses { get; init; }

    /// <summary>Reads whose page the data TLB did not have.</summary>
    public required long? TlbMisses { get; init; }
}
