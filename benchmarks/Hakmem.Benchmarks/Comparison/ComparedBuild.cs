namespace Hakmem.Benchmarks.Comparison;

/// <summary>The two builds that a comparison measures.</summary>
internal enum ComparedBuild
{
    /// <summary>The revision to compare with.</summary>
    Base,

    /// <summary>The sources as they are now.</summary>
    Current,
}
