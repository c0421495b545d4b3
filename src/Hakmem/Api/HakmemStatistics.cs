using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Hakmem.Small;

namespace Hakmem;

/// <summary>The statistics of a heap at one moment. All sizes are in bytes. Immutable, hence thread-safe.</summary>
[DebuggerDisplay("{LiveBytes} bytes live in {LiveBlocks} blocks, {CommittedBytes} committed")]
public sealed record HakmemStatistics
{
    /// <summary>
    /// Whether the heap is a fallback, which serves each call by
    /// <see cref="System.Runtime.InteropServices.NativeMemory"/> (see <see cref="HakmemAllocator.IsSupported"/>). Then
    /// <see cref="CommittedBytes"/> are the bytes taken from there, headers included, and the figures of caches,
    /// SuperSlabs, size classes and of what was returned are zero.
    /// </summary>
    public bool IsFallback { get; init; }

    /// <summary>The bytes of the blocks that callers hold, each counted with the size that
    /// <see cref="IHakmemAllocator.UsableSize"/> returns.</summary>
    public long LiveBytes { get; init; }

    /// <summary>The number of blocks that callers hold.</summary>
    public long LiveBlocks { get; init; }

    /// <summary>The bytes of free blocks in thread caches, in depots and in the quarantine of hardening.</summary>
    public long CachedBytes { get; init; }

    /// <summary>The readable and writable bytes, which <see cref="HakmemOptions.MaxBytes"/> limits. That limit counts
    /// whole SuperSlabs, of which parts may be decommitted while they are unused (on Windows only).</summary>
    public long CommittedBytes { get; init; }

    /// <summary>The largest value of <see cref="CommittedBytes"/> so far.</summary>
    public long PeakCommittedBytes { get; init; }

    /// <summary>The most bytes that the heap may commit (<see cref="HakmemOptions.MaxBytes"/>); zero for no limit of
    /// its own.</summary>
    public long LimitBytes { get; init; }

    /// <summary>The bytes of address space that the arena of the process reserves for all heaps.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>The bytes that may have physical pages, because they were used. They are committed, except that on
    /// Windows freed guarded blocks count until they leave the quarantine.</summary>
    public long DirtyBytes { get; init; }

    /// <summary>The bytes of the allocator's own records, such as thread caches, of all heaps. Not part of
    /// <see cref="CommittedBytes"/>. The records of ended threads are returned some seconds later.</summary>
    public long RecordBytes { get; init; }

    /// <summary>
    /// The bytes of the arena's address tables, for all heaps, as far as the operating system charges them to this
    /// process. They grow by 1.2 MiB with each 128 MiB of the arena that is used. On Windows the page map counts as a
    /// whole, with 1/8192 of <see cref="ReservedBytes"/> and at least 4 MiB. Not part of <see cref="CommittedBytes"/>.
    /// </summary>
    public long TableBytes { get; init; }

    /// <summary>The bytes discarded or decommitted so far, by decay, by the limits of the SuperSlab cache and by
    /// <see cref="IHakmemAllocator.Trim"/>.</summary>
    public long PurgedBytes { get; init; }

    /// <summary>The number of system calls that purged <see cref="PurgedBytes"/>.</summary>
    public long PurgeCalls { get; init; }

    /// <summary>The number of requests to the operating system so far that changed memory for any heap of the process:
    /// reserved, committed, protected, populated, moved or returned it. Each takes one or two system calls. Page faults
    /// are not counted, but for those of pages that are touched in advance.</summary>
    public long SystemCalls { get; init; }

    /// <summary>How long the <see cref="SystemCalls"/> took in all, by the clock.</summary>
    public TimeSpan SystemCallTime { get; init; }

    /// <summary>The number of exchanges so far between a thread's cache and a depot: of a magazine of up to 253 blocks
    /// for another.</summary>
    public long DepotExchanges { get; init; }

    /// <summary>The number of the <see cref="DepotExchanges"/> that had to wait for another thread's.</summary>
    public long DepotWaits { get; init; }

    /// <summary>The number of exceptions so far, of all heaps, that reported misuse
    /// (<see cref="HakmemCorruptionException"/>).</summary>
    public long CorruptionReports { get; init; }

    /// <summary>The number of allocations so far that the heap's profilers have sampled. See
    /// <see cref="HakmemProfiler"/>.</summary>
    public long SampledBlocks { get; init; }

    /// <summary>The number of blocks allocated so far while a <see cref="HakmemProfiler"/> of the heap ran: an unbiased
    /// estimate from its samples, since the allocator does not count what threads serve from their caches. Zero if none
    /// ever ran.</summary>
    public long AllocatedBlocks { get; init; }

    /// <summary>The bytes requested for the <see cref="AllocatedBlocks"/>.</summary>
    public long AllocatedBytes { get; init; }

    /// <summary>How many of the <see cref="AllocatedBlocks"/> were freed while the same profiler ran.</summary>
    public long FreedBlocks { get; init; }

    /// <summary>The bytes requested for the <see cref="FreedBlocks"/>.</summary>
    public long FreedBytes { get; init; }

    /// <summary>The number of free blocks moved out of thread caches because of disuse or short memory.</summary>
    public long ReapedBlocks { get; init; }

    /// <summary>The number of allocations so far that ended without a block, because memory or a limit was out. A
    /// resize counts too, except one that stays where it is.</summary>
    public long RefusedAllocations { get; init; }

    /// <summary>
    /// The number of decay passes over this heap that failed so far, or could not run because the operating system
    /// refused a timer. A decay pass returns unused memory with time. Later passes run nevertheless; while each fails,
    /// memory returns late or not at all.
    /// </summary>
    public long FailedDecayPasses { get; init; }

    /// <summary>The exception of the last of the <see cref="FailedDecayPasses"/>; null if none has failed.</summary>
    public Exception? LastDecayFailure { get; init; }

    /// <summary>The number of calls of handlers of <see cref="HakmemAllocator.SoftLimitExceeded"/> that ended with an
    /// exception.</summary>
    public long FailedCallbacks { get; init; }

    /// <summary>The exception of the last of the <see cref="FailedCallbacks"/>; null if none has failed.</summary>
    public Exception? LastCallbackFailure { get; init; }

    /// <summary>The number of SuperSlabs that contain spans or large runs.</summary>
    public int SuperSlabsInUse { get; init; }

    /// <summary>The number of empty SuperSlabs kept for reuse.</summary>
    public int SuperSlabsCached { get; init; }

    /// <summary>The number of thread caches, with those of ended threads that no thread has adopted.</summary>
    public int ThreadCaches { get; init; }

    /// <summary>The tags that have been used with the heap and their parents, by path. See
    /// <see cref="HakmemAllocator.ForTag"/>.</summary>
    public IReadOnlyList<TagStatistics> Tags { get; init; } = [];

    /// <summary>The statistics of each size class that has spans, smallest blocks first.</summary>
    public IReadOnlyList<SizeClassStatistics> SizeClasses { get; init; } = [];

    /// <summary>Returns the statistics as a table for people: the totals, then a row for each size class.</summary>
    /// <returns>Several lines in the invariant culture, without a newline at the end.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(IsFallback ? "a fallback: NativeMemory serves each call\n" : "");
        Line(text, "live", LiveBytes, $"in {LiveBlocks} blocks");
        Line(text, "cached", CachedBytes, $"in {ThreadCaches} thread caches and the depots");
        string slabs = $"in {SuperSlabsInUse} SuperSlabs in use, {SuperSlabsCached} empty";
        Line(text, "committed", CommittedBytes, $"{slabs}; peak {Size(PeakCommittedBytes)}");
        Line(text, "dirty", DirtyBytes, "may have physical pages");
        string time = string.Create(CultureInfo.InvariantCulture, $"{SystemCallTime.TotalMilliseconds:0.##} ms");
        text.Append(CultureInfo.InvariantCulture, $"system    {SystemCalls,12}  calls of all heaps, {time}\n");
        text.Append(
            CultureInfo.InvariantCulture, $"depots    {DepotExchanges,12}  exchanges, {DepotWaits} after a wait\n");
        text.Append(
            CorruptionReports == 0 ? string.Empty : $"misuse    {CorruptionReports,12}  reports of all heaps\n");
        if (SampledBlocks > 0)
        {
            string freed = $"in {AllocatedBlocks} blocks while profiled, {Size(FreedBytes)} freed, by estimate";
            Line(text, "allocated", AllocatedBytes, freed);
        }

        string reaped = $"{ReapedBlocks} blocks reaped from thread caches";
        Line(text, "purged", PurgedBytes, $"so far, in {PurgeCalls} calls; {reaped}");
        if (FailedDecayPasses > 0)
        {
            string failure = $"the last with {LastDecayFailure?.GetType()}: {LastDecayFailure?.Message}";
            text.Append(CultureInfo.InvariantCulture, $"{FailedDecayPasses} decay passes failed, {failure}\n");
        }

        Line(text, "records", RecordBytes, "of the allocator's own, for all heaps");
        Line(text, "reserved", ReservedBytes, "of address space, for all heaps");
        foreach (TagStatistics tag in Tags)
        {
            string limits = $"peak {Size(tag.PeakBytes)}, {tag.RefusedCount} requests refused";
            Line(text, "tag", tag.LiveBytes, string.Create(CultureInfo.InvariantCulture, $"{tag.Path}; {limits}"));
        }

        text.Append(CultureInfo.InvariantCulture, $"{"block",12}{"live",12}{"cached",12}{"spans",8}{"in spans",12}");
        foreach (SizeClassStatistics row in SizeClasses)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Size(row.BlockBytes),12}{row.LiveBlocks,12}");
            text.Append(CultureInfo.InvariantCulture, $"{row.CachedBlocks,12}{row.Spans,8}{Size(row.SpanBytes),12}");
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, string name, long bytes, string detail) =>
        text.Append(CultureInfo.InvariantCulture, $"{name,-10}{Size(bytes),12}  {detail}\n");

    internal static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.##} MiB"),
        >= 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 10):0.##} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
    };
}

/// <summary>The statistics of one <see cref="MemoryTag"/> at one moment.</summary>
/// <param name="Path">The names of the tag's parents and its own, with slashes between them.</param>
/// <param name="LiveBytes">The bytes of the live blocks of the tag, and of the tags below it, in this heap.</param>
/// <param name="PeakBytes">See <see cref="MemoryTag.PeakBytes"/>, which counts the tag's blocks in all heaps.</param>
/// <param name="RefusedCount">See <see cref="MemoryTag.RefusedCount"/>.</param>
[DebuggerDisplay("{Path}: {LiveBytes} bytes live")]
public readonly record struct TagStatistics(string Path, long LiveBytes, long PeakBytes, long RefusedCount);

/// <summary>The statistics of one size class at one moment.</summary>
/// <param name="BlockBytes">The size of a block in bytes.</param>
/// <param name="LiveBlocks">The number of blocks that callers hold.</param>
/// <param name="CachedBlocks">The number of free blocks in thread caches and in the depot.</param>
/// <param name="Spans">The number of spans.</param>
/// <param name="SpanBytes">The bytes of the spans.</param>
[DebuggerDisplay("{BlockBytes} bytes: {LiveBlocks} live, {CachedBlocks} cached")]
public readonly record struct SizeClassStatistics(
    long BlockBytes, long LiveBlocks, long CachedBlocks, int Spans, long SpanBytes);
