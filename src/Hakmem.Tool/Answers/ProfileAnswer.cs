using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Profiling;

namespace Hakmem.Tool.Answers;

internal sealed record ProfileAnswer
{
    public IReadOnlyList<HeapProfileAnswer> Heaps { get; init; } = [];

    // One profile of all heaps, in which equal stacks are one.
    public HeapProfile ToProfile()
    {
        HeapProfileSample[] samples =
        [
            .. Heaps.SelectMany(heap => heap.Samples)
                .GroupBy(sample => sample.Text, StringComparer.Ordinal)
                .Select(same => new HeapProfileSample(same.Key)
                {
                    AllocatedObjects = same.Sum(sample => sample.AllocatedObjects),
                    AllocatedBytes = same.Sum(sample => sample.AllocatedBytes),
                    InUseObjects = same.Sum(sample => sample.InUseObjects),
                    InUseBytes = same.Sum(sample => sample.InUseBytes),
                    SampleCount = same.Sum(sample => sample.SampleCount),
                }),
        ];
        HeapProfileAnswer? first = Heaps.Count > 0 ? Heaps[0] : null;
        return new HeapProfile(HeapProfile.Sort(samples), new HeapProfileOrigin(
            first?.TakenAt.UtcDateTime ?? DateTime.UtcNow, TimeSpan.FromMilliseconds(first?.DurationMs ?? 0),
            first?.MeanSampleBytes ?? 0, Heaps.Sum(heap => heap.LostSamples)));
    }
}

internal sealed record HeapProfileAnswer
{
    public int Slot { get; init; }

    public string Name { get; init; } = "";

    public DateTimeOffset TakenAt { get; init; }

    public double DurationMs { get; init; }

    public long MeanSampleBytes { get; init; }

    public long LostSamples { get; init; }

    public IReadOnlyList<SampleAnswer> Samples { get; init; } = [];
}

// The estimates for a stack. Old ones are those that had reached the age that was asked for.
internal sealed record SampleAnswer
{
    public IReadOnlyList<string> Stack { get; init; } = [];

    // The path of the MemoryTag that the blocks belong to; empty for none.
    public string Tag { get; init; } = "";

    public long AllocatedObjects { get; init; }

    public long AllocatedBytes { get; init; }

    public long InUseObjects { get; init; }

    public long InUseBytes { get; init; }

    public long SampleCount { get; init; }

    public long OldObjects { get; init; }

    public long OldBytes { get; init; }

    public double OldestSeconds { get; init; }

    public string Text => TextOf(Tag, Stack);

    // As the library keeps a stack: a line for the tag, if there is one, and one for each frame.
    public static string TextOf(string tag, IEnumerable<string> stack)
    {
        string frames = string.Concat(stack.Select(frame => $"   at {frame}\n"));
        return tag.Length == 0 ? frames : $"{SampleOwnership.LinePrefix}{tag}\n{frames}";
    }
}

internal sealed record LeakReportsAnswer
{
    public long UnkeptCount { get; init; }

    public IReadOnlyList<LeakReport> Reports { get; init; } = [];
}

internal sealed record LeakReport(
    IReadOnlyList<string> Stack, long Count, long Bytes, DateTimeOffset FirstAt, DateTimeOffset LastAt);
