namespace Hakmem.Diagnosing;

// What the measured iterations of a benchmark took from Hakmem's heaps.
internal sealed record NativeUsage
{
    public long Operations { get; init; }

    public long AllocatedBytes { get; init; }

    public long LeakedBytes { get; init; }

    // False if so many blocks were live that the bytes are estimates, to some percent.
    public bool IsExact { get; init; } = true;

    // Why there are no figures, or null.
    public string? Failure { get; init; }
}
