using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Hakmem.Small;

namespace Hakmem;

/// <summary>A heap's figures at one moment. All sizes are in bytes.</summary>
public sealed record HakmemStatistics
{
    /// <summary>Bytes in blocks that callers hold, counted at their size class (what <see cref="IHakmemAllocator.UsableSize"/> says).</summary>
    public long LiveBytes { get; init; }

    /// <summary>Blocks that callers hold.</summary>
    public long LiveBlocks { get; init; }

    /// <summary>Bytes in free blocks that sit in thread caches and depots, ready to be handed out, or in the quarantine of hardening.</summary>
    public long CachedBytes { get; init; }

    /// <summary>Bytes of address space that are readable and writable: what <see cref="HakmemOptions.MaxBytes"/> limits.</summary>
    public long CommittedBytes { get; init; }

    /// <summary>The largest value <see cref="CommittedBytes"/> has had.</summary>
    public long PeakCommittedBytes { get; init; }

    /// <summary>Bytes of address space reserved by the process-wide arena that this heap draws from.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>Committed bytes that may hold physical pages: touched since they were committed or last discarded.</summary>
    public long DirtyBytes { get; init; }

    /// <summary>
    /// Bytes that the allocator's own records take, such as thread caches, for all heaps. Not part of <see cref="CommittedBytes"/>. What threads
    /// that have ended leave behind is given back some seconds later.
    /// </summary>
    public long RecordBytes { get; init; }

    /// <summary>Bytes discarded or decommitted so far, by decay, by the cache's limits and by <see cref="IHakmemAllocator.Trim"/>.</summary>
    public long PurgedBytes { get; init; }

    /// <summary>System calls that <see cref="PurgedBytes"/> took.</summary>
    public long PurgeCalls { get; init; }

    /// <summary>Free blocks taken out of thread caches so far because they lay unused there, or memory was short.</summary>
    public long ReapedBlocks { get; init; }

    /// <summary>
    /// Looks at this heap, by which unused memory comes back with time, that failed so far or could not be made because the system refused a
    /// timer. Further looks are made all the same; while each fails, memory comes back late or not at all.
    /// </summary>
    public long FailedDecayLooks { get; init; }

    /// <summary>What the last of <see cref="FailedDecayLooks"/> threw; null if none has failed.</summary>
    public Exception? LastDecayFailure { get; init; }

    /// <summary>SuperSlabs that hold spans or large runs.</summary>
    public int SuperSlabsInUse { get; init; }

    /// <summary>Empty SuperSlabs kept for reuse.</summary>
    public int SuperSlabsCached { get; init; }

    /// <summary>Thread caches: those of live threads and those of dead threads that nobody has adopted yet.</summary>
    public int ThreadCaches { get; init; }

    /// <summary>Figures for each size class that has spans, smallest first.</summary>
    public IReadOnlyList<SizeClassStatistics> SizeClasses { get; init; } = [];

    /// <summary>The figures as a table for people: totals, then a row for each size class.</summary>
    /// <returns>Several lines, in invariant culture, without a newline at the end.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        Line(text, "live", LiveBytes, $"in {LiveBlocks} blocks");
        Line(text, "cached", CachedBytes, $"in {ThreadCaches} thread caches and the depots");
        Line(text, "committed", CommittedBytes, $"in {SuperSlabsInUse} SuperSlabs in use, {SuperSlabsCached} empty; peak {Size(PeakCommittedBytes)}");
        Line(text, "dirty", DirtyBytes, "may hold physical pages");
        Line(text, "purged", PurgedBytes, $"so far, in {PurgeCalls} calls; {ReapedBlocks} blocks reaped from thread caches");
        if (FailedDecayLooks > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{FailedDecayLooks} looks of the decay failed, the last with {LastDecayFailure?.GetType()}: {LastDecayFailure?.Message}\n");
        }

        Line(text, "records", RecordBytes, "of the allocator's own, for all heaps");
        Line(text, "reserved", ReservedBytes, "of address space, for all heaps");
        text.Append(CultureInfo.InvariantCulture, $"{"block",12}{"live",12}{"cached",12}{"spans",8}{"in spans",12}");
        foreach (SizeClassStatistics row in SizeClasses)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Size(row.BlockBytes),12}{row.LiveBlocks,12}{row.CachedBlocks,12}{row.Spans,8}{Size(row.SpanBytes),12}");
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, string name, long bytes, string detail) =>
        text.Append(CultureInfo.InvariantCulture, $"{name,-10}{Size(bytes),12}  {detail}\n");

    private static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.##} MiB"),
        >= 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 10):0.##} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
    };
}
