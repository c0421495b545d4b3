using System.Collections.Generic;

namespace Hakmem.AspNetCore.Benchmarks.Kestrel;

/// <summary>A load on the server.</summary>
internal sealed record KestrelScenario(string Name, string Definition, string Path, int Connections, int Pipelined, int RequestsPerConnection)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<KestrelScenario> All { get; } =
    [
        new("plaintext", "32 connections, 16 requests each at a time, 13-byte answers", "/plaintext", 32, 16, 4_000),
        new("download-1m", "8 connections, one request each at a time, 1 MiB answers", "/download", 8, 1, 50),
    ];
}
