using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Samples.Tests.Support;
using Hakmem.WebService;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Hakmem.Samples.Tests.WebService;

// The built-in load when its requests fail: quiet where the service is ending, in the log where it is not, and thrown at nobody.
public sealed class LoadFailureTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_longLoad = TimeSpan.FromMinutes(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AServiceThatEndsUnderLoadEndsInOrder()
    {
        using HakmemAllocator heap = new();
        using KeptLog log = new();
        WebApplication app = await StartAsync(heap, log);
        LoadGenerator load = app.Services.GetRequiredService<LoadGenerator>();
        Rentals rentals = app.Services.GetRequiredService<Rentals>();
        load.Start(new Uri(app.Urls.First()), s_longLoad, workers: 4);
        Assert.True(SpinWait.SpinUntil(() => rentals.Requests > 50, s_patience));
        await app.StopAsync(Cancelled).WaitAsync(s_patience, Cancelled);
        await app.DisposeAsync().AsTask().WaitAsync(s_patience, Cancelled);
        Assert.False(load.IsRunning);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task ALoadThatFailsIsLoggedAndCanBeStoppedAndStartedAgain()
    {
        using FullHeap full = new();
        using KeptLog log = new();
        await using WebApplication app = await StartAsync(full.Heap, log);
        LoadGenerator load = app.Services.GetRequiredService<LoadGenerator>();
        using HttpClient client = new() { BaseAddress = new Uri(app.Urls.First()), Timeout = s_patience };
        Uri loads = new("/api/load", UriKind.Relative);
        for (int round = 1; round <= 2; round++)
        {
            using HttpResponseMessage started = await client.PostAsync(loads, content: null, Cancelled);
            Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
            Assert.True(SpinWait.SpinUntil(() => !load.IsRunning, s_patience));
            using HttpResponseMessage stopped = await client.DeleteAsync(loads, Cancelled);
            Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);

            // One of each of the two workers.
            Assert.Equal(2 * round, log.Lines.Count(line => line.StartsWith("Hakmem.WebService.LoadGenerator: ", StringComparison.Ordinal)));
        }

        Assert.Equal(full.LiveBlocks, full.Heap.GetStatistics().LiveBlocks);
    }

    private static async Task<WebApplication> StartAsync(HakmemAllocator heap, KeptLog log)
    {
        // What is logged goes into the test's own log alone.
        WebApplication app = Service.Create(["--urls", "http://127.0.0.1:0", "--Logging:Console:LogLevel:Default", "None"], heap);
        app.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        await app.StartAsync(Cancelled);
        return app;
    }
}
