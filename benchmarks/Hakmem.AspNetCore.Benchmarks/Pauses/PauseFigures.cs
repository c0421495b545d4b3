namespace Hakmem.AspNetCore.Benchmarks.Pauses;

/// <summary>What one measuring process found out.</summary>
internal sealed record PauseFigures
{
    /// <summary>The median pause of a full blocking collection, in milliseconds.</summary>
    public required double MedianPauseMs { get; init; }

    /// <summary>The longest of them, in milliseconds.</summary>
    public required double LongestPauseMs { get; init; }

    /// <summary>Bytes of the managed heap after the last one.</summary>
    public required long ManagedHeapBytes { get; init; }

    /// <summary>Resident bytes then.</summary>
    public required long ResidentBytes { get; init; }
}
