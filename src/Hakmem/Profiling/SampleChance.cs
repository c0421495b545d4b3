using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Hakmem.Profiling;

// The arithmetic of samples. With the rate r an allocation is sampled with the probability 1 - exp(-r), independently
// of all others, and a sample stands for 1 / (1 - exp(-r)) of them. Two kinds of samples that are drawn independently
// are drawn together by the sum of their rates. Thread-safe.
internal static unsafe class SampleChance
{
    // The answer of AllocationsBefore for rates that hardly ever give a sample.
    public const long MaxBefore = 1L << 60;

    private const ulong SeedStep = 0x9E37_79B9_7F4A_7C15;

    [ThreadStatic]
    private static ulong t_seed;

    // Draws how many allocations of one rate there are before the next that is sampled.
    public static long AllocationsBefore(double rate) =>
        rate == 0 ? MaxBefore : (long)Math.Min(-Math.Log(NextUniform()) / rate, MaxBefore);

    // Draws whether an allocation is sampled.
    public static bool IsDrawn(double rate) => -Math.Log(NextUniform()) < rate;

    // Draws whether one that is sampled by the sum of two rates is sampled by the first of them.
    public static bool IsOfFirst(double first, double sum) => NextUniform() * Of(sum) <= Of(first);

    // How many allocations a sample stands for.
    public static double WeightOf(double rate) => 1 / Of(rate);

    // 1 - exp(-rate), which loses its digits for a small rate.
    public static double Of(double rate) => rate < 1e-5 ? rate - (rate * rate / 2) : 1 - Math.Exp(-rate);

    // Above 0 and at most 1. (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014.)
    private static double NextUniform()
    {
        ulong seed = t_seed != 0 ? t_seed : NewSeed();
        t_seed = seed += SeedStep;
        seed = (seed ^ (seed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        seed = (seed ^ (seed >> 27)) * 0x94D0_49BB_1331_11EB;
        seed ^= seed >> 31;
        return ((seed >> 11) + 1) * (1.0 / (1UL << 53));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong NewSeed()
    {
        // The address tells processes apart that start at the same moment.
        int local;
        return ((ulong)Stopwatch.GetTimestamp() * SeedStep) ^ ((ulong)Environment.CurrentManagedThreadId << 32) ^
            (nuint)(&local);
    }
}
