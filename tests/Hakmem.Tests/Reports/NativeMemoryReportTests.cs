using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Reports;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reports;

public sealed class NativeMemoryReportTests
{
    private static readonly DateTimeOffset s_time = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void CaptureThisProcessRowsAddUpToTheResidentSet()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        NativeMemoryReport report = NativeMemoryReport.Capture();
        Assert.InRange(report.CapturedAt, before, DateTimeOffset.UtcNow);
        Assert.Equal(report.ResidentBytes, report.Rows.Sum(row => row.ResidentBytes));
        Assert.Equal(report.Rows.OrderByDescending(row => row.ResidentBytes), report.Rows);
        Assert.Same(report.Rows[0], report.Largest);
        Assert.All(report.Rows, row => Assert.True(row.ResidentBytes > 0, row.Name));
        Assert.DoesNotContain(report.Rows, row => row.Name.Length == 0 || row.Source.Length == 0);
        Assert.Equal(report.Rows.Count, report.Rows.Select(row => row.Kind).Distinct().Count());
        Assert.Equal(report.AttributedBytes / (double)report.ResidentBytes, report.AttributedShare);
    }

    // The statistics of a heap are some 15 KiB, and other tests have heaps meanwhile.
    [Fact]
    public void CaptureManyTimesAllocatesLittle()
    {
        int heaps = Heap.ReadAll().Length;
        long bytes = ManagedGarbage.Measure(rounds: 1, () =>
        {
            heaps = Math.Max(heaps, Heap.ReadAll().Length);
            _ = NativeMemoryReport.CaptureWithoutCollection();
            heaps = Math.Max(heaps, Heap.ReadAll().Length);
        });
        Assert.InRange(bytes, 0, (256 << 10) + (heaps * (32L << 10)));
    }

    [Fact]
    public void ToJsonCapturedReportHasItsFigures()
    {
        NativeMemoryReport report = NativeMemoryReport.Capture();
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        JsonElement root = json.RootElement;
        Assert.Equal(report.CapturedAt, root.GetProperty("capturedAt").GetDateTimeOffset());
        Assert.Equal(report.ResidentBytes, root.GetProperty("residentBytes").GetInt64());
        Assert.Equal(report.AttributedBytes, root.GetProperty("attributedBytes").GetInt64());
        Assert.Equal(report.AttributedShare, root.GetProperty("attributedShare").GetDouble(), tolerance: 0.000001);
        Assert.Equal(report.Rows.Count, root.GetProperty("rows").GetArrayLength());
        JsonElement[] elements = [.. root.GetProperty("rows").EnumerateArray()];
        foreach ((NativeMemoryRow row, JsonElement element) in report.Rows.Zip(elements))
        {
            Assert.Equal(row.Kind.ToString(), element.GetProperty("kind").GetString());
            Assert.Equal(row.Name, element.GetProperty("name").GetString());
            Assert.Equal(row.ResidentBytes, element.GetProperty("residentBytes").GetInt64());
            Assert.Equal(row.Source, element.GetProperty("source").GetString());
            IEnumerable<NativeMemoryPart> parts = element.GetProperty("parts").EnumerateArray().Select(part =>
                new NativeMemoryPart(part.GetProperty("name").GetString()!, part.GetProperty("bytes").GetInt64()));
            Assert.Equal(row.Parts, parts);
        }
    }

    [Fact]
    public void AppendTextAnyStringIsParsedAsItself()
    {
        string value = string.Concat(Enumerable.Range(0, 0x250).Select(c => (char)c)) + "\u2028\U0001F600\"\\";
        StringBuilder text = new();
        ReportJson.AppendText(text, value);
        Assert.Equal(value, JsonSerializer.Deserialize<string>(text.ToString()));
        ReportJson.AppendText(text.Clear(), "a\ud800b\udc00");
        Assert.Equal("\"a\\ud800b\\udc00\"", text.ToString());
    }

    [Fact]
    public void ToStringToldSystemIsATable()
    {
        NativeMemoryReport report = Build(Told(
            (ResidentKind.MappedFiles, 3 << 20), (ResidentKind.OtherAnonymous, 1 << 20)));
        string[] expected =
        [
            "4 MiB resident, 75.0 % of it explained",
            "       3 MiB   75.0 %  mapped files: files that are no programs",
            "                            2 MiB  /data/b",
            "                            1 MiB  /data/a",
            "       1 MiB   25.0 %  other anonymous memory: " + report.Rows[1].Source,
        ];
        Assert.Equal(string.Join('\n', expected), report.ToString());
        using StringWriter writer = new();
        report.WriteTo(writer);
        Assert.Equal(report.ToString() + Environment.NewLine, writer.ToString());
        Assert.Throws<ArgumentNullException>("writer", () => report.WriteTo(null!));
    }

    [Fact]
    public void GrowthSinceEarlierReportIsSortedByGrowth()
    {
        NativeMemoryReport before = Build(Told(
            (ResidentKind.MappedFiles, 300), (ResidentKind.Stacks, 200), (ResidentKind.Code, 50)));
        NativeMemoryReport after = Build(Told(
            (ResidentKind.MappedFiles, 310), (ResidentKind.SharedMemory, 20), (ResidentKind.Code, 40)));
        Assert.Equal(
            [
                new(NativeMemoryKind.SharedMemory, 20), new(NativeMemoryKind.MappedFiles, 10),
                new(NativeMemoryKind.CompiledCode, -10), new NativeMemoryGrowth(NativeMemoryKind.ThreadStacks, -200),
            ],
            after.GrowthSince(before));
        Assert.Throws<ArgumentNullException>("earlier", () => after.GrowthSince(null!));
    }

    // In use first, then what is kept; both are at most what is resident, and what malloc says that it has.
    [Theory]
    [InlineData(1_000, 1_000, 600, 400, 0)]
    [InlineData(1_000, 500, 500, 0, 0)]
    [InlineData(1_000, 900, 600, 300, 0)]
    [InlineData(1_000, 50_000, 600, 400, 49_000)]
    public void BuildMallocDividesTheResidentBytes(long taken, long resident, long inUse, long kept, long other)
    {
        string system = $"<system type=\"current\" size=\"{taken}\"/>";
        string text = $"<heap nr=\"0\">{system}<total type=\"rest\" size=\"400\"/></heap></malloc>";
        MallocInfo malloc = MallocInfo.Parse(Encoding.UTF8.GetBytes(text));
        NativeMemoryReport report = Build(Told(
            malloc, null, (ResidentKind.MallocArenas, resident), (ResidentKind.MallocMapped, 7)));
        Assert.Equal(inUse + 7, BytesOf(report, NativeMemoryKind.MallocInUse));
        Assert.Equal(kept, BytesOf(report, NativeMemoryKind.MallocKept));
        Assert.Equal(other, BytesOf(report, NativeMemoryKind.OtherAnonymous));
        Assert.Equal(report.ResidentBytes - other, report.AttributedBytes);
    }

    [Fact]
    public void BuildOtherMallocIsOneRow()
    {
        NativeMemoryReport report = Build(Told(
            null, "musl's malloc", (ResidentKind.OtherMalloc, 30), (ResidentKind.MallocArenas, 3)));
        NativeMemoryRow row = Assert.Single(report.Rows);
        Assert.Equal((NativeMemoryKind.OtherMalloc, 33L), (row.Kind, row.ResidentBytes));
        Assert.StartsWith("musl's malloc", row.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void BuildCollectorAloneIsDividedWhole()
    {
        CollectorFigures collector = CollectorFigures.Read(mayCollect: true);
        foreach (long resident in (long[])[0, 1, 1_000, 1 << 20, 1L << 40])
        {
            Assert.Equal(resident, collector.Divide(resident).Sum(part => part.Bytes));
            Assert.All(collector.Divide(resident), part => Assert.InRange(part.Bytes, 0, resident));
        }
    }

    // Where the system tells only the total, the rest has a row, and the sum is the total.
    [Theory]
    [InlineData(1)]
    [InlineData(1L << 40)]
    public void BuildSystemThatTellsOnlyTheTotalHasTheRest(long total)
    {
        NativeMemoryReport report = Build(new ResidentSet { TotalBytes = total });
        Assert.Equal(total, report.Rows.Sum(row => row.ResidentBytes));
        Assert.Equal(report.AttributedBytes, total - BytesOf(report, NativeMemoryKind.Unexplained));
        Assert.Equal(total > 1, BytesOf(report, NativeMemoryKind.Unexplained) > 0);
    }

    private static NativeMemoryReport Build(ResidentSet set) =>
        ReportBuilder.Build(set, CollectorFigures.Read(mayCollect: false), HakmemFigures.Read(), s_time);

    private static ResidentSet Told(params (ResidentKind Kind, long Bytes)[] kinds) => Told(null, null, kinds);

    private static ResidentSet Told(
        MallocInfo? malloc, string? otherMalloc, params (ResidentKind Kind, long Bytes)[] kinds)
    {
        long[] bytes = new long[(int)ResidentKind.Count];
        foreach ((ResidentKind kind, long size) in kinds)
        {
            bytes[(int)kind] = size;
        }

        return ResidentSet.Of(bytes, new ResidentSet
        {
            IsTold = true,
            TotalBytes = bytes.Sum(),
            Malloc = malloc,
            OtherMalloc = otherMalloc,
            MappedFiles = new Dictionary<string, long> { ["/data/a"] = 1 << 20, ["/data/b"] = 2 << 20 },
        });
    }

    private static long BytesOf(NativeMemoryReport report, NativeMemoryKind kind) =>
        report.Rows.Where(row => row.Kind == kind).Sum(row => row.ResidentBytes);
}
