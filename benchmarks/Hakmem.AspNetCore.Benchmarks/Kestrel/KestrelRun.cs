using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Benchmarks.Runner;
using Hakmem.Benchmarks.Runner;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Hakmem.AspNetCore.Benchmarks.Kestrel;

/// <summary>
/// The measuring process: <c>kestrel-run SCENARIO POOL ROUNDS IDLE-SECONDS DIVISOR</c> starts a Kestrel and its load in one process, and
/// prints one line of JSON.
/// </summary>
internal static class KestrelRun
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "kestrel-run";

    /// <summary>The pools to measure, the one to compare with first.</summary>
    public static IReadOnlyList<string> Pools { get; } =
        [ServerPool.BuiltIn, ServerPool.Ours, ServerPool.OursNotCollecting];

    private const int DownloadBytes = 1 << 20;
    private static readonly byte[] s_plaintext = "Hello, World!"u8.ToArray();

    /// <summary>Measures and prints.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        KestrelScenario scenario = KestrelScenario.All.Single(candidate => candidate.Name == arguments[1]);
        int rounds = int.Parse(arguments[3], CultureInfo.InvariantCulture);
        TimeSpan idle = TimeSpan.FromSeconds(int.Parse(arguments[4], CultureInfo.InvariantCulture));
        int requests = scenario.RequestsPerConnection / int.Parse(arguments[5], CultureInfo.InvariantCulture);
        await using WebApplication app = await StartAsync(arguments[2]);
        long start = ProcessFigures.ResidentBytes;
        TimeSpan fastest = TimeSpan.MaxValue;
        TimeSpan cheapest = TimeSpan.MaxValue;
        using (LoadClient client = new(new Uri(app.Urls.Single()).Port, scenario))
        {
            await client.LearnAsync();

            // Until the runtime has compiled its final code.
            for (int i = 0; i < 3; i++)
            {
                await client.RunAsync(requests);
                await Task.Delay(200);
            }

            for (int i = 0; i < rounds; i++)
            {
                TimeSpan usedBefore = Environment.CpuUsage.TotalTime;
                long began = Stopwatch.GetTimestamp();
                await client.RunAsync(requests);
                TimeSpan took = Stopwatch.GetElapsedTime(began);
                TimeSpan used = Environment.CpuUsage.TotalTime - usedBefore;
                fastest = took < fastest ? took : fastest;
                cheapest = used < cheapest ? used : cheapest;
            }
        }

        await Task.Delay(idle);
        long idleBytes = ProcessFigures.ResidentBytes;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        KestrelFigures figures = new()
        {
            RequestsPerSecond = (double)requests * scenario.Connections / fastest.TotalSeconds,
            CpuMicroseconds = cheapest.TotalMicroseconds / ((double)requests * scenario.Connections),
            StartResidentBytes = start,
            PeakResidentBytes = ProcessFigures.PeakResidentBytes,
            IdleResidentBytes = idleBytes,
            CollectedResidentBytes = ProcessFigures.ResidentBytes,
        };
        Console.WriteLine(JsonSerializer.Serialize(figures, FiguresJsonContext.Default.KestrelFigures));
        return 0;
    }

    private static async Task<WebApplication> StartAsync(string pool)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        ServerPool.Use(builder, pool);
        WebApplication app = builder.Build();
        app.Run(context => context.Request.Path == "/plaintext" ? WritePlaintextAsync(context.Response) : WriteDownloadAsync(context.Response));
        await app.StartAsync();
        return app;
    }

    private static Task WritePlaintextAsync(HttpResponse response)
    {
        response.ContentType = "text/plain";
        response.ContentLength = s_plaintext.Length;
        return response.Body.WriteAsync(s_plaintext).AsTask();
    }

    // Through the pool's blocks, as a body that is made while it is sent.
    private static async Task WriteDownloadAsync(HttpResponse response)
    {
        response.ContentLength = DownloadBytes;
        for (int sent = 0; sent < DownloadBytes;)
        {
            Memory<byte> memory = response.BodyWriter.GetMemory();
            int length = Math.Min(memory.Length, DownloadBytes - sent);
            memory.Span[..length].Fill((byte)'x');
            response.BodyWriter.Advance(length);
            sent += length;
            if (response.BodyWriter.UnflushedBytes >= 64 << 10 || sent == DownloadBytes)
            {
                await response.BodyWriter.FlushAsync();
            }
        }
    }
}
