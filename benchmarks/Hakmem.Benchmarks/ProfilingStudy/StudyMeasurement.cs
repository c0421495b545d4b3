namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>What one process of the study found out: the line it prints.</summary>
internal sealed record StudyMeasurement
{
    /// <summary>Operations in each round.</summary>
    public required long Operations { get; init; }

    /// <summary>Rounds that were timed.</summary>
    public required int Rounds { get; init; }

    /// <summary>The fastest round's nanoseconds an operation.</summary>
    public required double Nanoseconds { get; init; }

    /// <summary>What the kernel counted over all timed rounds.</summary>
    public required ResourceUsage Timed { get; init; }

    /// <summary>
    /// What the kernel counted from the process's start to the end of its last round, the runtime's own included.
    /// </summary>
    public required ResourceUsage Process { get; init; }

    /// <summary>Bytes resident after the last round.</summary>
    public required long ResidentBytes { get; init; }

    /// <summary>The most bytes resident at once.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>What a profiled process saw; null in one that nothing watched.</summary>
    public required StudyProfile? Profile { get; init; }
}
