using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Net.Http;
using System.Net.WebSockets;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Hosting;
using Hakmem.AspNetCore.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// A request's region lives as long as the request, however that ends.
public sealed class RequestRegionTests : IAsyncLifetime
{
    private const int Bytes = 1_000;

    // Of the heap.
    private const int MaxBytes = 16 << 20;

    // The default size of a region's first chunk.
    private const int ChunkBytes = 64 << 10;

    private readonly WebApplication _app;
    private readonly HttpClient _client = new();
    private readonly ConcurrentQueue<MemoryRegion> _regions = new();
    private readonly ConcurrentQueue<long> _sizes = new();
    private readonly ConcurrentQueue<bool> _lives = new();
    private readonly MeterListener _listener = new();
    private readonly SemaphoreSlim _reached = new(0);
    private readonly SemaphoreSlim _goOn = new(0);
    private readonly ManualResetEventSlim _mayReturn = new();
    private long _active;
    private bool _listenerThrows;

    public RequestRegionTests()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddHakmem(options =>
        {
            options.Isolated = true;
            options.Heap.MaxBytes = MaxBytes;
        });
        _app = builder.Build();
        _app.UseWebSockets();
        _app.MapGet("/twice", context =>
        {
            Use(context);
            Assert.Same(_regions.Last(), context.GetMemoryRegion(new MemoryRegionOptions { ChunkBytes = 256 }));
            return context.Response.WriteAsync("done");
        });
        _app.MapGet("/callbacks", context =>
        {
            context.Response.OnCompleted(() => NoteLifeAsync(context));
            Use(context);
            context.Response.OnCompleted(() => NoteLifeAsync(context));
            return context.Response.WriteAsync("done");
        });
        _app.MapGet("/failed", context =>
        {
            Use(context);
            throw new InvalidOperationException("This request fails.");
        });
        _app.MapGet("/aborted", context =>
        {
            Use(context);
            context.Abort();
            return Task.CompletedTask;
        });
        _app.MapGet("/given-up", GiveUpAsync);
        _app.MapGet("/streamed", StreamAsync);
        _app.Map("/upgraded", EchoAsync);
        _app.MapGet("/none", () => "nothing");
        _app.MapGet("/used-on", UseOnAsync);
    }

    public async ValueTask InitializeAsync()
    {
        await _app.StartAsync(TestContext.Current.CancellationToken);
        _client.BaseAddress = new Uri(_app.Urls.Single());
        IMeterFactory meters = _app.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters &&
                instrument.Name is RequestRegions.SizeName or RequestRegions.ActiveName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
        {
            if (instrument.Name == RequestRegions.SizeName)
            {
                _sizes.Enqueue(value);
                if (_listenerThrows)
                {
                    throw new InvalidOperationException("A listener failed.");
                }
            }
            else
            {
                Volatile.Write(ref _active, value);
            }
        });
        _listener.Start();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _client.Dispose();
        await _app.DisposeAsync();
    }

    [Fact]
    public async Task ARequestHasOneRegionWhichEndsWithIt()
    {
        Assert.Equal("done", await _client.GetStringAsync("/twice", TestContext.Current.CancellationToken));
        await AssertEndedAsync();
    }

    // The server runs what was registered last first, and the region's end is among it.
    [Fact]
    public async Task CallbacksRegisteredBeforeTheFirstCallFindTheRegionDisposed()
    {
        Assert.Equal("done", await _client.GetStringAsync("/callbacks", TestContext.Current.CancellationToken));
        await Await.UntilAsync(() => _lives.Count == 2, () => $"{_lives.Count} callbacks have run");
        Assert.Equal([true, false], _lives);
        await AssertEndedAsync();
    }

    [Fact]
    public async Task AFailedRequestsRegionEnds()
    {
        using HttpResponseMessage response = await _client.GetAsync("/failed", TestContext.Current.CancellationToken);
        Assert.Equal(500, (int)response.StatusCode);
        await AssertEndedAsync();
    }

    [Fact]
    public async Task AnAbortedRequestsRegionEnds()
    {
        await Assert.ThrowsAsync<HttpRequestException>(
            () => _client.GetStringAsync("/aborted", TestContext.Current.CancellationToken));
        await AssertEndedAsync();
    }

    [Fact]
    public async Task ARequestThatItsClientGaveUpKeepsItsRegionUntilItEnds()
    {
        using CancellationTokenSource giveUp = new();
        Task<string> request = _client.GetStringAsync("/given-up", giveUp.Token);
        await ReachedAsync();
        await giveUp.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => request);
        await ReachedAsync();

        // The endpoint has seen the cancellation, and still runs.
        AssertAlive();
        _goOn.Release();
        await AssertEndedAsync();
    }

    [Fact]
    public async Task AStreamedResponsesRegionLivesUntilItsLastByte()
    {
        using HttpResponseMessage response = await _client.GetAsync(
            "/streamed", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        await ReachedAsync();
        AssertAlive();
        _goOn.Release();
        Assert.Equal("firstlast", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        await AssertEndedAsync();
    }

    [Fact]
    public async Task AnUpgradedConnectionsRegionLivesUntilItsEndpointReturns()
    {
        using ClientWebSocket socket = new();
        Uri address = new UriBuilder(_client.BaseAddress!) { Scheme = "ws", Path = "/upgraded" }.Uri;
        await socket.ConnectAsync(address, TestContext.Current.CancellationToken);
        await ReachedAsync();
        AssertAlive();
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
        await AssertEndedAsync();
    }

    [Fact]
    public async Task AListenerThatThrowsDoesNotKeepTheRegion()
    {
        _listenerThrows = true;
        await _client.GetStringAsync("/twice", TestContext.Current.CancellationToken);
        await AssertEndedAsync();
    }

    // Against the rules: a thread is in a call of the region when the request ends, and its memory is freed later.
    [Fact]
    public async Task ARegionInUseAtTheEndIsFreedWhenItIsNot()
    {
        await _client.GetStringAsync("/used-on", TestContext.Current.CancellationToken);
        await Await.UntilAsync(() => !_sizes.IsEmpty, () => "no region was measured");
        Assert.True(_regions.Single().CommittedBytes > 0);
        _mayReturn.Set();

        // What the call was refused counts while it lasts.
        await AssertEndedAsync(ChunkBytes + MaxBytes);
    }

    [Fact]
    public async Task ARequestThatDoesNotAskHasNone()
    {
        Assert.Equal("nothing", await _client.GetStringAsync("/none", TestContext.Current.CancellationToken));
        Assert.Empty(_sizes);
        Assert.Equal(0, _app.Services.GetRequiredService<HakmemAllocator>().GetStatistics().LiveBlocks);
    }

    [Fact]
    public void WithoutAddHakmemTheErrorSaysSo()
    {
        DefaultHttpContext context = new() { RequestServices = new ServiceCollection().BuildServiceProvider() };
        InvalidOperationException missing =
            Assert.Throws<InvalidOperationException>(() => context.GetMemoryRegion());
        Assert.Contains("AddHakmem", missing.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => HakmemHttpContextExtensions.GetMemoryRegion(null!));
    }

    private async Task GiveUpAsync(HttpContext context)
    {
        Use(context);
        _reached.Release();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Task.Delay(Await.Deadlock, context.RequestAborted));
        _reached.Release();
        await _goOn.WaitAsync(Await.Deadlock);
    }

    private async Task StreamAsync(HttpContext context)
    {
        Use(context);
        await context.Response.WriteAsync("first");
        await context.Response.Body.FlushAsync();
        _reached.Release();
        await _goOn.WaitAsync(Await.Deadlock);
        await context.Response.WriteAsync("last");
    }

    private async Task EchoAsync(HttpContext context)
    {
        Use(context);
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
        _reached.Release();
        await socket.ReceiveAsync(new byte[100].AsMemory(), context.RequestAborted);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }

    // Has a thread stay in a call of the region: its heap tells a listener of a refusal within, which waits.
    private async Task UseOnAsync(HttpContext context)
    {
        Use(context);
        MemoryRegion region = _regions.Last();
        Thread thread = new(() =>
        {
            using RefusalListener listener = new(() =>
            {
                _reached.Release();
                _mayReturn.Wait(Await.Deadlock);
            });
            Assert.Throws<OutOfMemoryException>(() => region.AllocSpan<byte>(MaxBytes));
        })
        {
            IsBackground = true,
        };
        thread.Start();
        await ReachedAsync();
        await context.Response.WriteAsync("done");
    }

    private Task NoteLifeAsync(HttpContext context)
    {
        _lives.Enqueue(context.GetMemoryRegion().CommittedBytes > 0);
        return Task.CompletedTask;
    }

    private void Use(HttpContext context)
    {
        MemoryRegion region = context.GetMemoryRegion();
        region.AllocSpan<byte>(Bytes).Fill(1);
        _regions.Enqueue(region);
    }

    private async Task ReachedAsync() =>
        Assert.True(await _reached.WaitAsync(Await.Deadlock, TestContext.Current.CancellationToken));

    private void AssertAlive()
    {
        Assert.True(_regions.Single().UsedBytes >= Bytes);
        _listener.RecordObservableInstruments();
        Assert.Equal(1, Volatile.Read(ref _active));
    }

    // The client may have its answer before the server has ended the request.
    private async Task AssertEndedAsync(long size = ChunkBytes)
    {
        await Await.UntilAsync(() => !_sizes.IsEmpty, () => "no region was measured");
        MemoryRegion region = _regions.Single();
        await Await.UntilAsync(() => region.CommittedBytes == 0, () => "the region has memory");

        // A late disposal goes on: it frees the blocks then, and is in a call of the region until it returns.
        HakmemAllocator heap = _app.Services.GetRequiredService<HakmemAllocator>();
        await Await.UntilAsync(() => heap.GetStatistics().LiveBlocks == 0, () => "the heap has blocks");
        await Await.UntilAsync(() => IsDisposed(region), () => "the region is in use");
        Assert.Equal([size], _sizes);
        _listener.RecordObservableInstruments();
        Assert.Equal(0, Volatile.Read(ref _active));
    }

    // Of a region without memory, whose use is an error in either case.
    private static bool IsDisposed(MemoryRegion region) =>
        Assert.ThrowsAny<InvalidOperationException>(() => region.AllocMemory<byte>(1)) is ObjectDisposedException;
}
