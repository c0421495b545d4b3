namespace Hakmem.Benchmarks.Runner;

/// <summary>What few live blocks among many freed ones keep, after the allocator had time to return memory.</summary>
internal sealed record TailFigures
{
    /// <summary>The bytes of live blocks, as they were asked for.</summary>
    public required long LiveBytes { get; init; }

    /// <summary>How many more bytes the process has resident than before its first block.</summary>
    public required long ResidentBytes { get; init; }

    /// <summary>The bytes that the allocator says may have pages; null where it does not say.</summary>
    public required long? DirtyBytes { get; init; }

    /// <summary>Resident bytes for a live one.</summary>
    public double ResidentOverLive => (double)ResidentBytes / LiveBytes;

    /// <summary>Dirty bytes for a live one.</summary>
    public double? DirtyOverLive => (double?)DirtyBytes / LiveBytes;
}
