using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem;

/// <summary>What a <see cref="HakmemProfiler"/> has found: estimates of allocated and of live blocks, by call
/// stack.</summary>
/// <remarks>A copy, which later calls do not change. Thread-safe.</remarks>
[DebuggerDisplay("{Samples.Count} stacks, about {InUseBytes} bytes in use")]
public sealed class HeapProfile
{
    internal HeapProfile(IReadOnlyList<HeapProfileSample> samples, HeapProfileOrigin origin)
    {
        Samples = samples;
        Origin = origin;
        foreach (HeapProfileSample sample in samples)
        {
            AllocatedObjects += sample.AllocatedObjects;
            AllocatedBytes += sample.AllocatedBytes;
            InUseObjects += sample.InUseObjects;
            InUseBytes += sample.InUseBytes;
        }
    }

    /// <summary>The estimates for each call stack and tag, those with the most bytes in use first.</summary>
    public IReadOnlyList<HeapProfileSample> Samples { get; }

    /// <summary>How many blocks were allocated since the profiler was started: an estimate.</summary>
    public long AllocatedObjects { get; }

    /// <summary>How many bytes were requested since the profiler was started: an estimate.</summary>
    public long AllocatedBytes { get; }

    /// <summary>How many of these blocks are not freed: an estimate.</summary>
    public long InUseObjects { get; }

    /// <summary>The requested bytes of the blocks that are not freed: an estimate.</summary>
    public long InUseBytes { get; }

    /// <summary>The mean number of bytes between two samples when the profile was taken.</summary>
    public long MeanSampleBytes => Origin.MeanSampleBytes;

    /// <summary>How many samples could not be kept, because memory for them was out or there were too many live ones.
    /// The estimates lack what they stood for.</summary>
    public long LostSamples => Origin.LostSamples;

    /// <summary>When the profile was taken, in UTC.</summary>
    public DateTime TakenAt => Origin.TakenAt;

    /// <summary>How long the profiler had been running; after <see cref="Subtract"/>, the time between the two
    /// profiles.</summary>
    public TimeSpan Duration => Origin.Duration;

    internal HeapProfileOrigin Origin { get; }

    /// <summary>Returns what has changed since an earlier profile of the same profiler. Figures of blocks in use may
    /// be negative.</summary>
    /// <param name="earlier">The earlier profile.</param>
    /// <returns>The difference: this profile less the earlier one, without stacks for which nothing has
    /// changed.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="earlier"/> is null.</exception>
    public HeapProfile Subtract(HeapProfile earlier)
    {
        Argument.RequireNotNull(earlier);
        Dictionary<string, HeapProfileSample> left = [];
        foreach (HeapProfileSample sample in Samples)
        {
            left[sample.Text] = sample;
        }

        foreach (HeapProfileSample sample in earlier.Samples)
        {
            left[sample.Text] = left.TryGetValue(sample.Text, out HeapProfileSample? now)
                ? now.Less(sample)
                : new HeapProfileSample(sample.Text).Less(sample);
        }

        HeapProfileOrigin origin = Origin with
        {
            Duration = Duration - earlier.Duration,
            LostSamples = LostSamples - earlier.LostSamples,
        };
        return new HeapProfile(Sort(left.Values.Where(sample => !sample.IsEmpty)), origin);
    }

    /// <summary>Writes the profile in the format of pprof: gzipped protocol buffers with the sample types
    /// <c>alloc_objects</c>, <c>alloc_space</c>, <c>inuse_objects</c> and <c>inuse_space</c>. Samples of tagged blocks
    /// have the label <c>tag</c>.</summary>
    /// <param name="stream">Where to write. It stays open. Nothing is written before all is ready.</param>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void WritePprof(Stream stream)
    {
        Argument.RequireNotNull(stream);
        WriteWhole(stream, PprofWriter.Write(this));
    }

    /// <summary>Writes the profile as JSON in the file format of speedscope: one profile for each of the four
    /// values, of which that of the bytes in use is shown first. Values below 1 are left out.</summary>
    /// <param name="stream">Where to write, in UTF-8. It stays open. Nothing is written before all is ready.</param>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void WriteSpeedscope(Stream stream)
    {
        Argument.RequireNotNull(stream);
        WriteWhole(stream, SpeedscopeWriter.Write(this));
    }

    /// <summary>Writes one line for each stack, as flame graphs read it: the frames, outermost first, separated by
    /// semicolons, a blank, and the value. Values below 1 are left out.</summary>
    /// <param name="writer">Where to write.</param>
    /// <param name="value">Which value to write: the bytes in use by default.</param>
    /// <exception cref="ArgumentNullException"><paramref name="writer"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="value"/> is none of the
    /// enumeration.</exception>
    public void WriteCollapsed(TextWriter writer, HeapProfileValue value = HeapProfileValue.InUseBytes)
    {
        Argument.RequireNotNull(writer);
        RequireValue(value);
        writer.Write(CollapsedWriter.Write(this, value));
    }

    internal static HeapProfileSample[] Sort(IEnumerable<HeapProfileSample> samples) =>
        [.. samples.OrderByDescending(sample => sample.InUseBytes).ThenByDescending(sample => sample.AllocatedBytes)
            .ThenBy(sample => sample.Text, StringComparer.Ordinal)];

    private static void RequireValue(HeapProfileValue value)
    {
        if (value is < HeapProfileValue.AllocatedObjects or > HeapProfileValue.InUseBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, "There is no such value in a profile.");
        }
    }

    private static void WriteWhole(Stream stream, byte[] bytes) => stream.Write(bytes, 0, bytes.Length);
}

/// <summary>One of the values that a <see cref="HeapProfile"/> has for each call stack.</summary>
public enum HeapProfileValue
{
    /// <summary>The blocks allocated since the profiler was started.</summary>
    AllocatedObjects,

    /// <summary>The bytes requested since the profiler was started.</summary>
    AllocatedBytes,

    /// <summary>The blocks that are not freed.</summary>
    InUseObjects,

    /// <summary>The requested bytes of the blocks that are not freed.</summary>
    InUseBytes,
}

// Where a profile comes from.
internal readonly record struct HeapProfileOrigin(
    DateTime TakenAt, TimeSpan Duration, long MeanSampleBytes, long LostSamples);
