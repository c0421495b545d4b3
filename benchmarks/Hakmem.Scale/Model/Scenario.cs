using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Scale.Model;

/// <summary>What all threads of a run do with blocks of one size.</summary>
/// <remarks>
/// In a hand-over each thread is a producer or a consumer. A producer allocates a table of blocks and passes it to its
/// consumer, which frees them; neither does the other's call. Otherwise each thread allocates a table of blocks and
/// frees them, again and again, and the table's length differs from time to time so that threads do not keep step.
/// </remarks>
internal sealed record Scenario
{
    /// <summary>The name in results.</summary>
    public required string Name { get; init; }

    /// <summary>The size of a block.</summary>
    public required int BlockBytes { get; init; }

    /// <summary>Blocks in a table.</summary>
    public required int TableBlocks { get; init; }

    /// <summary>Whether blocks are freed by another thread than allocates them.</summary>
    public required bool IsHandOver { get; init; }

    /// <summary>
    /// Whether the caches of all producers have lower numbers than those of all consumers. Otherwise each consumer's
    /// follows its producer's, and a depot's stripe with blocks is the next one.
    /// </summary>
    public bool HasProducersFirst { get; init; }

    /// <summary>Nanoseconds of work after each call that share nothing.</summary>
    public int WorkNanoseconds { get; init; }

    /// <summary>The least per cent of the ideal that the exchange should reach on 64 processors, if there is a
    /// bar.</summary>
    public double? LeastPercent { get; init; }

    /// <summary>All scenarios.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new() { Name = "private-64", BlockBytes = 64, TableBlocks = 3000, IsHandOver = false, LeastPercent = 90 },
        new() { Name = "private-4k", BlockBytes = 4 << 10, TableBlocks = 500, IsHandOver = false, LeastPercent = 85 },
        new() { Name = "handover-48", BlockBytes = 48, TableBlocks = 64, IsHandOver = true },
        new() { Name = "handover-64", BlockBytes = 64, TableBlocks = 64, IsHandOver = true, LeastPercent = 90 },
        new()
        {
            Name = "handover-64-apart", BlockBytes = 64, TableBlocks = 64, IsHandOver = true, HasProducersFirst = true,
        },
        new() { Name = "handover-4k", BlockBytes = 4 << 10, TableBlocks = 64, IsHandOver = true, LeastPercent = 85 },
        new()
        {
            Name = "handover-64k", BlockBytes = 64 << 10, TableBlocks = 4, IsHandOver = true, WorkNanoseconds = 1000,
        },
    ];

    /// <summary>Finds a scenario.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static Scenario Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name)
        ?? throw new ArgumentException($"There is no scenario '{name}'.", nameof(name));

    /// <summary>How many blocks a thread's next table has.</summary>
    public int NextLength(ref Xorshift random) =>
        IsHandOver ? TableBlocks : (TableBlocks / 2) + (int)random.Below((uint)TableBlocks / 2);

    /// <summary>How many threads run on so many processors: a hand-over on one processor takes turns.</summary>
    public int ThreadsOn(int processors) => IsHandOver ? Math.Max(processors, 2) : processors;

    /// <summary>The number of the cache of a producer's or a consumer's thread.</summary>
    /// <param name="thread">0 for the first producer, 1 for its consumer, and so on.</param>
    /// <param name="threads">All threads.</param>
    public int NumberOf(int thread, int threads) =>
        HasProducersFirst ? (thread / 2) + (thread % 2 * (threads / 2)) : thread;
}
