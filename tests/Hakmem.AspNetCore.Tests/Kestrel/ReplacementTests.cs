using System;
using System.Buffers;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// That Kestrel's memory really is ours.
public sealed class ReplacementTests
{
    [Fact]
    public async Task AConnectionsPoolIsAViewOfTheServicesPool()
    {
        (Type? poolType, long rents) = await ServeOneRequestAsync(web => web.UseKestrel(WithPoolType).UseHakmemForKestrel());
        Assert.Equal(typeof(PinnedMemoryPool), poolType);
        Assert.True(rents > 0);
    }

    [Fact]
    public async Task AHostInWhichTheExtensionHasNoEffectDoesNotStart()
    {
        InvalidOperationException refusal = await Assert.ThrowsAsync<InvalidOperationException>(
            () => ServeOneRequestAsync(web => web.UseHakmemForKestrel().UseKestrel(WithPoolType)));
        Assert.Contains("after UseKestrel", refusal.Message, StringComparison.Ordinal);
    }

    // Without the extension the framework's pool is there: the first test can fail.
    [Fact]
    public async Task WithoutTheExtensionThePoolIsTheFrameworks()
    {
        (Type? poolType, long rents) = await ServeOneRequestAsync(web => web.UseKestrel(WithPoolType));
        Assert.NotNull(poolType);
        Assert.NotEqual(typeof(PinnedMemoryPool), poolType);
        Assert.Equal(0, rents);
    }

    [Fact]
    public void TheBuiltInFactoryIsReplacedAndNotJoined()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        Assert.Contains(builder.Services, service => service.ServiceType == typeof(IMemoryPoolFactory<byte>));
        builder.UseHakmemForKestrel().UseHakmemForKestrel();
        ServiceDescriptor only = Assert.Single(builder.Services, service => service.ServiceType == typeof(IMemoryPoolFactory<byte>));
        Assert.Equal(typeof(PinnedMemoryPoolFactory), only.ImplementationType);
        using ServiceProvider services = builder.Services.BuildServiceProvider();
        using MemoryPool<byte> pool = services.GetRequiredService<IMemoryPoolFactory<byte>>().Create(new MemoryPoolOptions { Owner = "test" });
        using IMemoryOwner<byte> owner = pool.Rent();
        Assert.True(MemoryMarshal.TryGetArray<byte>(owner.Memory, out _));
        Assert.Equal(4096, services.GetRequiredService<PinnedMemoryPool>().GetStatistics().RentedBytes);
    }

    [Fact]
    public async Task AServiceThatRefusesAtItsLimitClosesConnectionsAndRecovers()
    {
        await using KestrelServer server = await KestrelServer.StartAsync(options =>
        {
            options.MaxBytes = 128 << 10;
            options.RefuseAtLimit = true;
        });
        IMemoryOwner<byte>[] all = [.. Enumerable.Range(0, 32).Select(_ => server.Pool.Rent())];
        using (HttpClient refused = server.CreateClient(HttpKind.Http1))
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => Exchanges.DownloadAsync(refused, 1_000, isChunked: false));
        }

        Array.ForEach(all, owner => owner.Dispose());
        using (HttpClient client = server.CreateClient(HttpKind.Http1))
        {
            await Exchanges.DownloadAsync(client, 50_000, isChunked: false);
        }

        await server.AssertAllIsGivenBackAsync();
    }

    [Fact]
    public async Task AStoppedServiceHoldsNothing()
    {
        PinnedMemoryPool pool;
        await using (KestrelServer server = await KestrelServer.StartAsync())
        {
            pool = server.Pool;
            using HttpClient client = server.CreateClient(HttpKind.Http2ClearText);
            await Exchanges.UploadAsync(client, 1 << 20, isChunked: false);
            Assert.True(pool.GetStatistics().TotalBytes > 0);
        }

        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        Assert.False(pool.IsTicking);
        Assert.Throws<ObjectDisposedException>(() => pool.Rent());
    }

    // The pool that a connection's transport uses, as Kestrel shows it to connection middleware.
    private static void WithPoolType(Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions options) =>
        options.Listen(IPAddress.Loopback, 0, listen => listen.Use(next => connection =>
        {
            Seen seen = options.ApplicationServices.GetRequiredService<Seen>();
            seen.PoolType = connection.Features.Get<IMemoryPoolFeature>()?.MemoryPool.GetType();
            return next(connection);
        }));

    private static async Task<(Type? PoolType, long Rents)> ServeOneRequestAsync(Action<IWebHostBuilder> configure)
    {
        using IHost host = new HostBuilder()
            .ConfigureLogging(logging => logging.ClearProviders())
            .ConfigureWebHost(web =>
            {
                configure(web);
                web.ConfigureServices(services => services.AddSingleton<Seen>());
                web.Configure(app => app.Run(context => Task.CompletedTask));
            })
            .Build();
        await host.StartAsync();
        string address = host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        using (HttpClient client = new())
        {
            using HttpResponseMessage response = await client.GetAsync(new Uri(address));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        await host.StopAsync();
        long rents = host.Services.GetService<PinnedMemoryPool>()?.GetStatistics().Rents ?? 0;
        return (host.Services.GetRequiredService<Seen>().PoolType, rents);
    }

    private sealed class Seen
    {
        // Written by the connection's thread before the response; read after it.
        public Type? PoolType { get; set; }
    }
}
