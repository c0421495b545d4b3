using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.Latency;

/// <summary>Every latency pattern.</summary>
internal static class LatencyCatalog
{
    private const string Call = "rent or return";
    private const long Calls = 4_000_000;

    /// <summary>All patterns, in the order of the table.</summary>
    public static IReadOnlyList<LatencyPattern> All { get; } =
    [
        new MixedPattern("mixed-small", leastShift: 4, mostShift: 10)
        {
            Definition = "256 slots at random: return a full one, fill an empty one with 16..1023 B",
            Exposes = "what a thread's cache costs when it has to ask for more",
            Operation = Call,
            Operations = Calls,
        },
        new MixedPattern("mixed", leastShift: 4, mostShift: 18)
        {
            Definition = "the same with 16 B to 256 KiB, each doubling as likely",
            Exposes = "large blocks among small ones",
            Operation = Call,
            Operations = Calls,
        },
        new BurstPattern("burst")
        {
            Definition = "4096 buffers of 16..2048 B, then all returned",
            Exposes = "what lies behind the thread's cache",
            Operation = Call,
            Operations = Calls,
        },
    ];

    /// <summary>Finds a pattern by name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static LatencyPattern Find(string name) =>
        All.FirstOrDefault(pattern => pattern.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no latency pattern '{name}'.", nameof(name));
}
