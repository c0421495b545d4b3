namespace Hakmem.AspNetCore.Benchmarks.Kestrel;

/// <summary>What one measuring process found out.</summary>
internal sealed record KestrelFigures
{
    /// <summary>Requests a second in the fastest timed round.</summary>
    public required double RequestsPerSecond { get; init; }

    /// <summary>Microseconds of processor time a request, server and load together, in the cheapest timed round.</summary>
    public required double CpuMicroseconds { get; init; }

    /// <summary>Resident bytes before the first request.</summary>
    public required long StartResidentBytes { get; init; }

    /// <summary>The most bytes that were ever resident.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Resident bytes after the service has been idle.</summary>
    public required long IdleResidentBytes { get; init; }

    /// <summary>Resident bytes after a full garbage collection then.</summary>
    public required long CollectedResidentBytes { get; init; }
}
