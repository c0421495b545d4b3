using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// A service that calls AddHakmem and nothing else has metrics.
[Collection(MeterReader.Collection)]
public sealed class MetricsPublicationTests
{
    private readonly string _name = Guid.NewGuid().ToString();

    [Fact]
    public async Task AddHakmemPublishesHeapAndPoolWhileTheHostRuns()
    {
        using IHost host = CreateHost(new() { ["Hakmem:Isolated"] = "true", ["Hakmem:MetricsName"] = _name });
        Assert.Empty(Published(_name));
        await host.StartAsync();
        using (host.Services.GetRequiredService<NativeMemoryPool>().Rent(1_000))
        {
            Dictionary<string, long> published = Published(_name);
            Assert.Equal(1_024, published["hakmem.memory.live"]);
            Assert.Equal(1_000, published["hakmem.pool.rented"]);
        }

        await host.StopAsync();
        Assert.Empty(Published(_name));
    }

    // As a test host does, or a program that does not stop its host in order.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DisposalWithoutAStopEndsThePublication(bool isIsolated)
    {
        IHost host = CreateHost(new() { ["Hakmem:Isolated"] = $"{isIsolated}", ["Hakmem:MetricsName"] = _name });
        await host.StartAsync();
        Assert.NotEmpty(Published(_name));
        host.Dispose();
        Assert.Empty(Published(_name));
    }

    [Fact]
    public async Task AHostThatDoesNotStartPublishesNothingOnceItIsDisposed()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddHakmem(options => options.MetricsName = _name).AddHostedService<FailingService>();
        using (IHost host = builder.Build())
        {
            await Assert.ThrowsAsync<TimeoutException>(() => host.StartAsync());
        }

        Assert.Empty(Published(_name));
    }

    // A service may go on with its heap after the container, and publish it by itself.
    [Fact]
    public async Task TheRegistrationOfAServicesOwnHeapEndsToo()
    {
        using HakmemAllocator heap = new();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddSingleton(heap).AddHakmem(options => options.MetricsName = _name);
        IHost host = builder.Build();
        await host.StartAsync();
        host.Dispose();
        Assert.Empty(Published(_name));
        using IDisposable own = HakmemMetrics.Register(heap, _name);
        Assert.Equal(0, Published(_name)["hakmem.memory.live"]);
    }

    [Fact]
    public async Task WithoutANameTheSharedHeapIsCalledShared()
    {
        using IHost host = CreateHost([]);
        await host.StartAsync();
        Assert.Contains("hakmem.memory.live", Published("shared").Keys);
        await host.StopAsync();
    }

    [Fact]
    public async Task MetricsCanBeTurnedOff()
    {
        using IHost host = CreateHost(new() { ["Hakmem:Metrics"] = "false", ["Hakmem:MetricsName"] = _name });
        await host.StartAsync();
        Assert.Empty(Published(_name));
        await host.StopAsync();
    }

    [Fact]
    public async Task AddHakmemTwicePublishesOnce()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddHakmem(options => options.MetricsName = _name).AddHakmem();
        using IHost host = builder.Build();
        await host.StartAsync();
        Assert.Equal(Published(_name).Count, Measurements(_name).Count);
        await host.StopAsync();
    }

    private static IHost CreateHost(Dictionary<string, string?> configuration)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(configuration);
        builder.AddHakmem();
        return builder.Build();
    }

    private static Dictionary<string, long> Published(string name) =>
        Measurements(name).DistinctBy(each => each.Name).ToDictionary(each => each.Name, each => each.Value);

    private static IReadOnlyList<MeterReader.Measured> Measurements(string name)
    {
        using MeterReader reader = new(name);
        return reader.Read();
    }

    private sealed class FailingService : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new TimeoutException();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
