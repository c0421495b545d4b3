using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Net.Http;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// Dashboards for the framework's pools keep working: what it publishes without Hakmem is published with it.
public sealed class FrameworkMetricsTests : IDisposable
{
    private const string MeterName = "Microsoft.AspNetCore.MemoryPool";

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = [];
    private IMeterFactory? _meters;

    public FrameworkMetricsTests()
    {
        // A sum of a counter's additions; of an observed instrument the last value.
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == MeterName && (_meters is null || instrument.Meter.Scope == _meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, attributes, _) =>
        {
            string owner = string.Join(",", attributes.ToArray().Select(pair => $"{pair.Key}={pair.Value}"));
            bool isUpDown = instrument is UpDownCounter<long> or ObservableUpDownCounter<long>;
            string key = $"{instrument.Name} {instrument.Unit} {owner} {(isUpDown ? "level" : "total")}";
            _sums.AddOrUpdate(key, value, (_, sum) => instrument.IsObservable ? value : sum + value);
        });
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task KestrelPublishesTheSameWithHakmemAndWithout()
    {
        IReadOnlyDictionary<string, long> framework = await ServeAsync(usesHakmem: false);
        IReadOnlyDictionary<string, long> hakmem = await ServeAsync(usesHakmem: true);
        Assert.Contains("aspnetcore.memory_pool.rented By aspnetcore.memory_pool.owner=kestrel total", framework.Keys);
        Assert.Subset(hakmem.Keys.ToHashSet(), framework.Keys.ToHashSet());
        Assert.Equal(4, hakmem.Count);
        Assert.True(hakmem["aspnetcore.memory_pool.rented By aspnetcore.memory_pool.owner=kestrel total"] > 0);
        Assert.True(hakmem["aspnetcore.memory_pool.pooled By aspnetcore.memory_pool.owner=kestrel level"] > 0);
    }

    private async Task<IReadOnlyDictionary<string, long>> ServeAsync(bool usesHakmem)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        if (usesHakmem)
        {
            builder.UseHakmemForKestrel();
        }

        await using WebApplication app = builder.Build();
        _meters = app.Services.GetRequiredService<IMeterFactory>();
        _listener.Start();
        app.MapGet("/", () => "text");
        await app.StartAsync();
        using HttpClient client = new();
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("text", await client.GetStringAsync(app.Urls.Single()));
        }

        _listener.RecordObservableInstruments();
        Dictionary<string, long> sums = new(_sums);
        _sums.Clear();
        return sums;
    }
}
