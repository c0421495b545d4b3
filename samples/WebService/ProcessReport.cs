using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.WebService;

// What takes longer to find out: where the resident memory of the process is, and which stacks allocated what is live
// in the heap.
internal sealed record ProcessReport(
    long ResidentBytes, double AttributedShare, IReadOnlyList<ProcessRow> Rows, long SampledBytes,
    IReadOnlyList<StackRow> Stacks)
{
    private const int TopStacks = 8;

    // A page has room for the innermost calls.
    private const int TopFrames = 4;

    public static ProcessReport Take(HeapWatch watch)
    {
        NativeMemoryReport memory = NativeMemoryReport.CaptureWithoutCollection();
        HeapProfile? profile = watch.Profiler?.Capture();
        return new ProcessReport(
            memory.ResidentBytes,
            memory.AttributedShare,
            [.. memory.Rows.Select(row => new ProcessRow(row.Name, row.ResidentBytes, row.Source))],
            profile?.InUseBytes ?? 0,
            [.. (profile?.Samples ?? []).Where(sample => sample.InUseBytes > 0)
                .OrderByDescending(sample => sample.InUseBytes)
                .Take(TopStacks)
                .Select(sample =>
                    new StackRow([.. sample.Frames.Take(TopFrames)], sample.InUseBytes, sample.InUseObjects))]);
    }
}

internal sealed record ProcessRow(string Name, long ResidentBytes, string Source);

// frames: from the innermost outwards. The figures are estimates.
internal sealed record StackRow(IReadOnlyList<string> Frames, long InUseBytes, long InUseObjects);
