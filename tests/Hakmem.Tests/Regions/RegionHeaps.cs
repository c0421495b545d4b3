using System;
using Xunit;

namespace Hakmem.Tests.Regions;

// The heaps that a region has to work on: one of each hardening level, and the fallback.
internal static class RegionHeaps
{
    public const string Fallback = "Fallback";

    public static TheoryData<string> All { get; } = [.. Enum.GetNames<HardeningLevel>(), Fallback];

    public static HakmemAllocator Create(string kind, long maxBytes = 0)
    {
        HakmemOptions options = new() { MaxBytes = maxBytes };
        return kind == Fallback
            ? HakmemAllocator.CreateFallback(options)
            : new HakmemAllocator(options with { Hardening = Enum.Parse<HardeningLevel>(kind) });
    }

    // What callers hold, which disposal has to bring back to what it was.
    public static (long Blocks, long Bytes) LiveOf(HakmemAllocator heap)
    {
        HakmemStatistics statistics = heap.GetStatistics();
        return (statistics.LiveBlocks, statistics.LiveBytes);
    }
}
