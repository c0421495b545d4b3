using System;

namespace Hakmem.Profiling;

// How old the live sampled blocks of one stack are: estimates of those that have reached an age, and the age of the
// oldest one. Ages are in units of 2^-4 s, so that 32 bits last for eight years.
internal struct SampleAge
{
    private const int UnitsPerSecondShift = 4;

    public double OldObjects;
    public double OldBytes;
    public uint Oldest;

    public static uint Now => (uint)((Environment.TickCount64 << UnitsPerSecondShift) / 1_000);

    public static uint UnitsOf(TimeSpan age) => (uint)Math.Ceiling(age.TotalSeconds * (1 << UnitsPerSecondShift));

    public readonly double OldestSeconds => Oldest / (double)(1 << UnitsPerSecondShift);

    public void Add(Sample sample, uint age, bool isOld)
    {
        Oldest = Math.Max(Oldest, age);
        if (isOld)
        {
            OldObjects += sample.Weight;
            OldBytes += sample.Weight * sample.Bytes;
        }
    }
}
