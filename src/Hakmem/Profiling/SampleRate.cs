using System;
using System.Diagnostics;

namespace Hakmem.Profiling;

// Keeps a sampler's cost in bounds where a program allocates very much: raises the mean number of bytes between samples
// while they come faster than they may, and lowers it again. (JDK Flight Recorder throttles its allocation samples for
// the same reason.)
//
// The estimates stay unbiased: each sample has the weight of the mean that it was drawn by, and a mean depends on
// earlier samples only.
//
// Each thread draws in advance, so that samples which were drawn by an older mean come for a while. So a sample counts
// for what it would be by the mean of now: one drawn by a mean of a tenth counts a tenth. A window has many samples, or
// is a second long where samples are rare; then one that comes late shows that the mean may be lower. Time is in ticks
// of Stopwatch. Not thread-safe: the sampler's lock guards it.
internal struct SampleRate(long meanBytes, double maxPerSecond)
{
    // Enough for an estimate of the rate within some six percent.
    public const int WindowSamples = 256;

    // The mean is raised to at most so many times that which was asked for.
    private const long MaxFactor = 1 << 20;

    private readonly long _meanBytes = meanBytes;
    private readonly double _maxPerSecond = maxPerSecond;
    private double _factor = 1;

    // The window: when its first sample came, how many there are, and how many the others would be by the mean of now.
    private long _begin;
    private int _samples;
    private double _expected;

    // The mean to draw by.
    public readonly long MeanBytes => (long)Math.Min(_meanBytes * _factor, HeapSampler.MaxMeanBytes);

    // Notes a sample at a time, and how many it would be by MeanBytes: the allocations that it stands for, times the
    // chance of each to be sampled by that. Whether MeanBytes has changed.
    public bool Note(long now, double expected)
    {
        if (_samples == 0)
        {
            // The first sample begins the window, and is none of it.
            _begin = now;
            _samples = 1;
            return false;
        }

        _expected += expected;
        long elapsed = Math.Max(now - _begin, 1);
        if (_samples < WindowSamples && elapsed < Stopwatch.Frequency)
        {
            _samples++;
            return false;
        }

        double perSecond = _expected * Stopwatch.Frequency / elapsed;
        double factor = Math.Min(Math.Max(_factor * perSecond / _maxPerSecond, 1), MaxFactor);
        bool isChanged = factor != _factor;
        _factor = factor;
        _begin = now;
        _samples = 1;
        _expected = 0;
        return isChanged;
    }
}
