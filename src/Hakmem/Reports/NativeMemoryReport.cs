using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;
using Hakmem.Os;
using Hakmem.Reports;

namespace Hakmem;

/// <summary>
/// What the resident set of this process consists of, row by row: the collector's heaps, code, Hakmem, malloc, stacks,
/// files. Immutable, hence thread-safe.
/// </summary>
/// <remarks>
/// On Linux the rows come from the kernel's list of mappings and explain all of the resident set; memory that nothing
/// explains has a row of its own (<see cref="NativeMemoryKind.OtherAnonymous"/>). On systems without that list, and in
/// containers that forbid it, the collector and Hakmem tell what they can, and the rest is one row
/// (<see cref="NativeMemoryKind.Unexplained"/>). The process runs on while it is read, so rows may be some milliseconds
/// apart.
/// </remarks>
[DebuggerDisplay("{ResidentBytes} bytes, most of them {Largest.Name}")]
public sealed class NativeMemoryReport
{
    private const int MaxPartsInTable = 4;

    internal NativeMemoryReport(DateTimeOffset capturedAt, long residentBytes, IReadOnlyList<NativeMemoryRow> rows)
    {
        CapturedAt = capturedAt;
        ResidentBytes = residentBytes;
        Rows = rows;
        AttributedBytes = residentBytes - BytesOf(NativeMemoryKind.OtherAnonymous) -
            BytesOf(NativeMemoryKind.Unexplained);
    }

    /// <summary>When the report was captured, in UTC.</summary>
    public DateTimeOffset CapturedAt { get; }

    /// <summary>The bytes of physical memory that the process has: the sum of all rows, without what the report itself
    /// needed to be read. A page that is mapped twice counts twice, as in the kernel's own figure.</summary>
    public long ResidentBytes { get; }

    /// <summary>The bytes of all rows that name an owner: those besides
    /// <see cref="NativeMemoryKind.OtherAnonymous"/> and <see cref="NativeMemoryKind.Unexplained"/>.</summary>
    public long AttributedBytes { get; }

    /// <summary><see cref="AttributedBytes"/> as a share of <see cref="ResidentBytes"/>, from 0 to 1.</summary>
    public double AttributedShare => AttributedBytes / Math.Max(1.0, ResidentBytes);

    /// <summary>The rows that are not empty, each kind at most once, largest first. There is at least one.</summary>
    public IReadOnlyList<NativeMemoryRow> Rows { get; }

    /// <summary>The row with the most resident bytes.</summary>
    public NativeMemoryRow Largest => Rows[0];

    /// <summary>Captures a report of this process, with sizes of generations that are current.</summary>
    /// <returns>The report.</returns>
    /// <remarks>
    /// <para>
    /// Thread-safe. Takes some milliseconds: it reads the kernel's list of mappings, one small file for each thread and
    /// the statistics of each heap, and lets glibc count its free memory, which holds each of its arenas' locks for a
    /// moment. Allocates some 50 KiB of managed memory, and half a KiB for each thread.
    /// </para>
    /// <para>
    /// The collector knows the sizes of its generations as of its last collection. If an eighth of its objects is newer
    /// than that, this method starts a collection of generation 0, which brings all sizes up to date, unless the
    /// program is in a region without collections.
    /// </para>
    /// </remarks>
    /// <exception cref="InvalidDataException">The system's list of mappings, or the C library's of its arenas, cannot
    /// be understood. No part of a list makes a report.</exception>
    /// <exception cref="IOException">Reading the list failed halfway.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for the list.</exception>
    public static NativeMemoryReport Capture() => ReportBuilder.Capture(mayCollect: true);

    /// <summary>Captures a report of this process as <see cref="Capture()"/> does, but starts no collection. Objects
    /// that are newer than the last one have a row of their own, whatever heap they are in
    /// (<see cref="NativeMemoryKind.CollectorRecent"/>).</summary>
    /// <returns>The report.</returns>
    /// <exception cref="InvalidDataException">A list cannot be understood.</exception>
    /// <exception cref="IOException">Reading the list failed halfway.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for the list.</exception>
    public static NativeMemoryReport CaptureWithoutCollection() => ReportBuilder.Capture(mayCollect: false);

    /// <summary>Compares with an earlier report of the same process.</summary>
    /// <param name="earlier">The earlier report.</param>
    /// <returns>How much each row has grown, the one that grew most first. Rows that shrank are last.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="earlier"/> is null.</exception>
    public IReadOnlyList<NativeMemoryGrowth> GrowthSince(NativeMemoryReport earlier)
    {
        Argument.RequireNotNull(earlier);
        List<NativeMemoryGrowth> growth = [];
        foreach (NativeMemoryRow row in Rows)
        {
            growth.Add(new NativeMemoryGrowth(row.Kind, row.ResidentBytes - earlier.BytesOf(row.Kind)));
        }

        foreach (NativeMemoryRow row in earlier.Rows)
        {
            if (BytesOf(row.Kind) == 0)
            {
                growth.Add(new NativeMemoryGrowth(row.Kind, -row.ResidentBytes));
            }
        }

        growth.Sort(static (left, right) => right.Bytes.CompareTo(left.Bytes));
        return growth;
    }

    /// <summary>Writes the report as JSON.</summary>
    /// <returns>
    /// An object with the members <c>capturedAt</c> (ISO 8601), <c>residentBytes</c>, <c>attributedBytes</c>,
    /// <c>attributedShare</c> and <c>rows</c>. Each row has <c>kind</c>, <c>name</c>, <c>residentBytes</c>,
    /// <c>source</c> and <c>parts</c>, an array of objects with <c>name</c> and <c>bytes</c>.
    /// </returns>
    public string ToJson() => ReportJson.Write(this);

    /// <summary>Returns the report as a table for people: the total, then a row for each kind, largest first.</summary>
    /// <returns>Several lines in the invariant culture, without a newline at the end.</returns>
    public override string ToString()
    {
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{HakmemStatistics.Size(ResidentBytes)} resident, {100 * AttributedShare:0.0} % of it explained");
        foreach (NativeMemoryRow row in Rows)
        {
            double percent = 100.0 * row.ResidentBytes / ResidentBytes;
            string size = HakmemStatistics.Size(row.ResidentBytes);
            text.Append(CultureInfo.InvariantCulture, $"\n{size,12}{percent,7:0.0} %  {row.Name}: {row.Source}");
            for (int i = 0; i < Math.Min(MaxPartsInTable, row.Parts.Count); i++)
            {
                NativeMemoryPart part = row.Parts[i];
                text.Append(CultureInfo.InvariantCulture, $"\n{HakmemStatistics.Size(part.Bytes),33}  {part.Name}");
            }
        }

        return text.ToString();
    }

    /// <summary>Writes the table of <see cref="ToString"/> and a newline.</summary>
    /// <param name="writer">What receives the table.</param>
    /// <exception cref="ArgumentNullException"><paramref name="writer"/> is null.</exception>
    public void WriteTo(TextWriter writer)
    {
        Argument.RequireNotNull(writer);
        writer.WriteLine(ToString());
    }

    private long BytesOf(NativeMemoryKind kind)
    {
        foreach (NativeMemoryRow row in Rows)
        {
            if (row.Kind == kind)
            {
                return row.ResidentBytes;
            }
        }

        return 0;
    }
}
