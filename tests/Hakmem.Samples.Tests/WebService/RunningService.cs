using System;
using System.Linq;
using System.Net.Http;
using System.Threading.Tasks;
using Hakmem.WebService;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Hakmem.Samples.Tests.WebService;

// The sample's service on a free port of loopback, over a heap of its own, whose blocks must all be back in the end.
public sealed class RunningService : IAsyncLifetime
{
    private WebApplication? _app;

    public HakmemAllocator Heap { get; } = new();

    public HttpClient Client { get; } = new() { Timeout = TimeSpan.FromMinutes(2) };

    public Uri Address => Client.BaseAddress!;

    internal Rentals Rentals => _app!.Services.GetRequiredService<Rentals>();

    internal LoadGenerator Load => _app!.Services.GetRequiredService<LoadGenerator>();

    public async ValueTask InitializeAsync()
    {
        _app = Service.Create(["--urls", "http://127.0.0.1:0"], Heap);
        await _app.StartAsync();
        Client.BaseAddress = new Uri(_app.Urls.First());
    }

    // Takes no requests any more. A second call does nothing.
    public Task StopAsync() => _app!.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await StopAsync();
        await _app!.DisposeAsync();
        Assert.Equal(0, Heap.GetStatistics().LiveBlocks);
        Heap.Dispose();
    }
}
