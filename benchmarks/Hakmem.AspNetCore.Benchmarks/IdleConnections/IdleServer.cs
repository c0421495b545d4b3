using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Benchmarks.Runner;
using Hakmem.Benchmarks.Runner;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Hakmem.AspNetCore.Benchmarks.IdleConnections;

/// <summary>
/// The server process: <c>idle-run POOL CONNECTIONS</c> starts Kestrel, prints its port, and serves until its input ends.
/// </summary>
/// <remarks>
/// <c>/upload</c> reads its body only once as many uploads as there are connections have begun and had time to fill Kestrel's buffers, so
/// that all of these are full at the same moment.
/// </remarks>
internal static class IdleServer
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "idle-run";

    private static readonly TimeSpan s_fillTime = TimeSpan.FromSeconds(3);

    /// <summary>Serves until the input ends.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        int connections = int.Parse(arguments[2], System.Globalization.CultureInfo.InvariantCulture);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();

        // So that an idle connection holds a block, as one with TLS, HTTP/2 or a WebSocket does.
        builder.WebHost.UseSockets(options => options.WaitForDataBeforeAllocatingBuffer = false);
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Listen(IPAddress.Loopback, 0);
            options.Limits.MinRequestBodyDataRate = null;
        });
        ServerPool.Use(builder, arguments[1]);
        await using WebApplication app = builder.Build();
        Uploads uploads = new(connections);
        app.Run(context => context.Request.Path == "/upload" ? uploads.ReadAsync(context) : WriteFiguresAsync(context));
        await app.StartAsync();
        Console.WriteLine(new Uri(app.Urls.Single()).Port);
        await Console.In.ReadToEndAsync();
        await app.StopAsync(new CancellationToken(canceled: true));
        return 0;
    }

    private static Task WriteFiguresAsync(HttpContext context)
    {
        PinnedMemoryPoolStatistics? pool = context.RequestServices.GetService<PinnedMemoryPool>()?.GetStatistics();
        IdleFigures figures = new()
        {
            ResidentBytes = ProcessFigures.ResidentBytes,
            ManagedHeapBytes = GC.GetTotalMemory(forceFullCollection: false),
            PoolBytes = pool?.TotalBytes ?? 0,
            RentedBytes = pool?.RentedBytes ?? 0,
            FullCollections = GC.CollectionCount(GC.MaxGeneration),
        };
        return context.Response.WriteAsync(JsonSerializer.Serialize(figures, FiguresJsonContext.Default.IdleFigures));
    }

    // Bodies that wait for each other, round after round.
    private sealed class Uploads(int connections)
    {
        private TaskCompletionSource _isFull = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _begun;

        public async Task ReadAsync(HttpContext context)
        {
            TaskCompletionSource isFull = Volatile.Read(ref _isFull);
            if (Interlocked.Increment(ref _begun) == connections)
            {
                await Task.Delay(s_fillTime);
                Volatile.Write(ref _begun, 0);
                Volatile.Write(ref _isFull, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                isFull.SetResult();
            }

            await isFull.Task;
            await context.Request.Body.CopyToAsync(Stream.Null);
        }
    }
}
