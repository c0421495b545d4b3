using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net.Http;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Samples.Tests.Support;
using Xunit;

namespace Hakmem.Samples.Tests.Programs;

// Each sample prints what it saved against the managed way. Times are whatever they are; what the managed way allocates at least follows from the
// work, and Hakmem's way allocates less than that.
public sealed partial class SamplesSayWhatTheySavedTests
{
    private const int KiBPerMiB = 1_024;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TheLineParserDoes()
    {
        const int MiB = 8;
        string output = await SampleProcess.RunAsync("LineParser", $"{MiB}");
        PrintedComparison comparison = Assert.Single(PrintedComparison.ReadAll(output));
        Assert.Equal($"Parsing {MiB} MiB", comparison.Title);
        Assert.Equal("a pipe over NativeMemoryPool", comparison.Own.Name);
        Assert.Equal("a pipe over MemoryPool<byte>.Shared", comparison["a pipe over MemoryPool<byte>.Shared"].Name);

        // A string has two bytes for each of the file's.
        AssertSaved(comparison, "StreamReader.ReadLine and Split", 2 * MiB * KiBPerMiB);
        Assert.EndsWith("All ways found the same.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ArrowDoes()
    {
        const int Batches = 5;
        string output = await SampleProcess.RunAsync("Hakmem.ArrowSample", $"{Batches}");
        PrintedComparison comparison = Assert.Single(PrintedComparison.ReadAll(output));
        Assert.Equal("Hakmem", comparison.Own.Name);
        Assert.Equal("Arrow's own (malloc)", comparison["Arrow's own (malloc)"].Name);

        // An order is an int, a long and a double.
        AssertSaved(comparison, "managed arrays", Batches * 100_000 * (4 + 8 + 8) / 1_024);
        Assert.Contains("0 are still out", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheGridDoes()
    {
        const int Side = 600;
        string output = await SampleProcess.RunAsync("Hakmem.GridSample", $"{Side}");
        PrintedComparison comparison = Assert.Single(PrintedComparison.ReadAll(output));
        Assert.Equal("PooledMemory<float>", comparison.Own.Name);

        // Two grids of floats.
        AssertSaved(comparison, "managed arrays", 2 * Side * Side * sizeof(float) / 1_024);
        Assert.Contains("Both ways found", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheWebServiceDoes()
    {
        const int Requests = 2;
        IReadOnlyList<PrintedComparison> comparisons = PrintedComparison.ReadAll(await SampleProcess.RunAsync("Hakmem.WebService", "--compare", $"{Requests}"));
        Assert.Equal(3, comparisons.Count);
        Assert.All(comparisons, comparison => Assert.StartsWith($"{Requests} ", comparison.Title, StringComparison.Ordinal));
        Assert.All(comparisons, comparison => Assert.Equal("native buffers", comparison.Own.Name));

        // The upload in a stream and again in an array; the picture; the bytes of the document, of which a row has more than forty.
        AssertSaved(comparisons[0], "MemoryStream", Requests * 2 * 8 * KiBPerMiB);
        AssertSaved(comparisons[1], "new arrays", Requests * 1_400 * 1_400 * 3 / 1_024);
        AssertSaved(comparisons[2], "objects and one array", Requests * 50_000 * 40 / 1_024);
    }

    // As it is without arguments but for its address: it says how to compare, and in the end what it rented. A load that is under way is no hindrance.
    [Fact]
    public async Task TheWebServiceSaysWhatItRentedWhenItIsEndedUnderLoad()
    {
        using SampleProcess service = new("Hakmem.WebService", "--urls", "http://127.0.0.1:0");
        Match first = Address().Match(await service.ReadLineAsync() ?? "");
        Assert.True(first.Success);
        Assert.Contains("--compare", await service.ReadLineAsync(), StringComparison.Ordinal);
        using HttpClient client = new() { BaseAddress = new Uri(first.Groups["address"].Value), Timeout = TimeSpan.FromMinutes(2) };
        using HttpResponseMessage started = await client.PostAsync(new Uri("/api/load?seconds=3600", UriKind.Relative), content: null, Cancelled);
        started.EnsureSuccessStatusCode();
        long rents;
        do
        {
            JsonElement report = await client.GetFromJsonAsync<JsonElement>(new Uri("/api/heap", UriKind.Relative), Cancelled);
            rents = report.GetProperty("rents").GetInt64();
        }
        while (rents < 1_000);
        service.AskToEnd();
        Match last = Balance().Match(await service.EndAsync());
        Assert.True(last.Success);
        Assert.True(Whole(last, "rents") >= rents);
        Assert.True(Whole(last, "rented") > 0 && Whole(last, "allocated") > 0);
    }

    private static void AssertSaved(PrintedComparison comparison, string managedWay, long leastKiB)
    {
        Assert.True(comparison[managedWay].AllocatedKiB >= leastKiB, $"{comparison[managedWay]} allocated less than {leastKiB} KiB.");
        Assert.True(comparison.Own.AllocatedKiB < leastKiB, $"{comparison.Own} allocated no less than {leastKiB} KiB.");
    }

    private static long Whole(Match match, string group) => long.Parse(match.Groups[group].Value, NumberStyles.Number, CultureInfo.InvariantCulture);

    [GeneratedRegex("^The dashboard is at (?<address>http://[0-9.:]+) ")]
    private static partial Regex Address();

    // All that is printed after the first lines: no complaint comes before it or after it.
    [GeneratedRegex(@"^(?<rents>[\d,]+) buffers of (?<rented>[\d,]+) KiB together came from Hakmem\. The managed heap allocated (?<allocated>[\d,]+) KiB meanwhile, for all else, and was collected \d+ times\.\n$")]
    private static partial Regex Balance();
}
