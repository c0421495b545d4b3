using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// docs/grafana/hakmem.json beside what OpenTelemetry's exporter for Prometheus says of a service: a query that names no
// metric would be an empty panel.
[Collection(MeterReader.Collection)]
public sealed partial class GrafanaDashboardTests
{
    [Fact]
    public async Task EveryMetricOfTheDashboardIsExported()
    {
        HashSet<string> exported = [.. (await ExportAsync()).Select(match => match.Groups[1].Value)];
        string[] asked =
            [.. Queries().SelectMany(query => MetricName().Matches(query)).Select(match => match.Value).Distinct()];
        Assert.True(asked.Length > 20);
        Assert.Empty(asked.Except(exported));
    }

    [Fact]
    public async Task EveryMetricOfTheLibraryIsOnTheDashboard()
    {
        string[] exported =
        [
            .. (await ExportAsync()).Select(match => match.Groups[1].Value).Distinct()
                .Where(name => name.StartsWith("hakmem_", StringComparison.Ordinal))
                .Where(name => !name.EndsWith("_sum", StringComparison.Ordinal))
                .Where(name => !name.EndsWith("_count", StringComparison.Ordinal)),
        ];
        string all = string.Join('\n', Queries());
        string[] missing =
            [.. exported.Where(name => !all.Contains(name, StringComparison.Ordinal) && !IsLeftOut(name))];
        Assert.Empty(missing);

        // The dashboard shows sizes of regions, not how many there are at a moment.
        static bool IsLeftOut(string name) => name == "hakmem_request_region_active";
    }

    [Fact]
    public void PanelsHaveTitlesUnitsAndPlacesOfTheirOwn()
    {
        using JsonDocument dashboard = Read();
        JsonElement[] panels = [.. dashboard.RootElement.GetProperty("panels").EnumerateArray()];
        Assert.All(panels, panel =>
        {
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.NotEmpty(panel.GetProperty("description").GetString()!);
            Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString()!);
        });
        Assert.Equal(
            panels.Length, panels.Select(panel => panel.GetProperty("gridPos").GetRawText()).Distinct().Count());
        Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
    }

    // The lines of a scrape, each with its metric's name.
    private static async Task<MatchCollection> ExportAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddHakmem(options =>
        {
            options.Isolated = true;
            options.Heap.MaxBytes = 64 << 20;
            options.Pool.MaxBytes = 1 << 20;
        });
        builder.UseHakmemForKestrel();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter("Hakmem", "Hakmem.AspNetCore", "Microsoft.AspNetCore.MemoryPool")
            .AddPrometheusExporter(exporter => exporter.ScrapeResponseCacheDurationMilliseconds = 0));
        await using WebApplication app = builder.Build();
        app.MapPrometheusScrapingEndpoint();
        app.MapGet("/", (HttpContext context) =>
        {
            context.GetMemoryRegion().AllocSpan<byte>(100).Clear();
            return "text";
        });
        await app.StartAsync();
        using MemoryTag tag = new("cache");
        HakmemAllocator heap = app.Services.GetRequiredService<HakmemAllocator>();
        heap.ForTag(tag);

        // There are estimates of what was allocated from the first sample on.
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        heap.Rent<byte>(2 << 20).Dispose();
        using HttpClient client = new() { BaseAddress = new Uri(app.Urls.Single()) };
        await client.GetStringAsync("/");

        // A request's region is measured after its answer.
        MatchCollection lines = SampleLine().Matches("");
        bool isMeasured = false;
        for (int i = 0; i < 200 && !isMeasured; i++)
        {
            lines = SampleLine().Matches(await client.GetStringAsync("/metrics"));
            isMeasured = lines.Any(line => line.Value.Contains("_region_size_", StringComparison.Ordinal));
        }

        return lines;
    }

    private static IEnumerable<string> Queries()
    {
        using JsonDocument dashboard = Read();
        foreach (JsonElement panel in dashboard.RootElement.GetProperty("panels").EnumerateArray())
        {
            foreach (JsonElement target in panel.GetProperty("targets").EnumerateArray())
            {
                yield return target.GetProperty("expr").GetString()!;
            }
        }

        JsonElement variables = dashboard.RootElement.GetProperty("templating").GetProperty("list");
        foreach (JsonElement variable in variables.EnumerateArray())
        {
            yield return variable.GetProperty("query").GetString()!;
        }
    }

    private static JsonDocument Read()
    {
        using Stream stream = typeof(GrafanaDashboardTests).Assembly.GetManifestResourceStream("hakmem.json")!;
        return JsonDocument.Parse(stream);
    }

    [GeneratedRegex(@"\b(?:hakmem|aspnetcore)_[a-z_]+")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"^([a-z_]+)(?:\{[^}]*\})? [0-9.eE+]+", RegexOptions.Multiline)]
    private static partial Regex SampleLine();
}
