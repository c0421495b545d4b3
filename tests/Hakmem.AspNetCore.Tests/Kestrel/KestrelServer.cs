using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// A real Kestrel on loopback with Hakmem's pool, endpoints for every HttpKind, and a clock for the pool that the test turns.
internal sealed class KestrelServer : IAsyncDisposable
{
    public static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(10);

    private readonly WebApplication _app;
    private readonly FakeTimeProvider _clock = new();

    private KestrelServer(Action<PinnedMemoryPoolOptions>? configure)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(_clock);
        builder.WebHost.ConfigureKestrel(Configure);
        builder.UseHakmemForKestrel(options =>
        {
            options.IdleTimeout = IdleTimeout;
            configure?.Invoke(options);
        });
        _app = builder.Build();
        _app.UseWebSockets();
        TestEndpoints.Map(_app);
    }

    public IServiceProvider Services => _app.Services;

    public PinnedMemoryPool Pool => _app.Services.GetRequiredService<PinnedMemoryPool>();

    public PinnedMemoryPoolStatistics Statistics => Pool.GetStatistics();

    public static async Task<KestrelServer> StartAsync(Action<PinnedMemoryPoolOptions>? configure = null)
    {
        KestrelServer server = new(configure);
        await server._app.StartAsync();
        return server;
    }

    public Uri AddressOf(HttpKind kind) => new(_app.Urls.ElementAt((int)kind));

    public HttpClient CreateClient(HttpKind kind, Action<Socket>? onConnected = null)
    {
        SocketsHttpHandler handler = new() { MaxConnectionsPerServer = int.MaxValue };
        handler.SslOptions.RemoteCertificateValidationCallback =
            (_, certificate, _, _) => certificate?.GetCertHashString() == TestCertificate.Instance.Thumbprint;
        if (onConnected is not null)
        {
            handler.ConnectCallback = async (context, cancellationToken) =>
            {
                Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
                onConnected(socket);
                return new NetworkStream(socket, ownsSocket: true);
            };
        }

        return new HttpClient(handler)
        {
            BaseAddress = AddressOf(kind),
            DefaultRequestVersion = kind is HttpKind.Http2ClearText or HttpKind.Http2OverTls ? HttpVersion.Version20 : HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Await.Deadlock,
        };
    }

    // After the clients are gone: waits for the connections' last blocks, lets the timeout pass, and looks.
    public async Task AssertAllIsGivenBackAsync()
    {
        Assert.True(Statistics.Rents > 0, "Kestrel never used the pool.");
        PinnedMemoryPoolStatistics idle = Statistics;
        await Await.UntilAsync(() => IsEmptyOnceIdle(out idle), () => $"{Statistics}");
        Assert.Equal(0, idle.RentedBytes);
        Assert.Equal(idle.Allocations, idle.Evictions);
        Pool.CheckInvariants();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // Kestrel may still be busy with the end of a connection, so an empty moment is not enough: the timeout has to pass in it. And it may come by a
    // connection that ended long ago at any moment later, so that the figures are those of this look.
    private bool IsEmptyOnceIdle(out PinnedMemoryPoolStatistics figures)
    {
        figures = Statistics;
        if (figures.RentedBytes > 0)
        {
            return false;
        }

        _clock.Advance(IdleTimeout);
        bool isTicking = Pool.IsTicking;
        figures = Statistics;
        return figures.TotalBytes == 0 && !isTicking;
    }

    // In the order of HttpKind.
    private static void Configure(KestrelServerOptions options)
    {
        options.Limits.MaxRequestBodySize = null;
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        options.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        options.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        for (int i = 0; i < 2; i++)
        {
            options.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(TestCertificate.Instance);
            });
        }
    }
}
