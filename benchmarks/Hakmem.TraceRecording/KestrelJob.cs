using System;
using System.Buffers;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Traces.Recording;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Hakmem.TraceRecording;

/// <summary>
/// A service with JSON, downloads and uploads that it keeps for a while, and its clients, in bursts with pauses.
/// Kestrel's own buffers and the handlers' are recorded; the clients' are not.
/// </summary>
internal static class KestrelJob
{
    public const string Description =
        "Kestrel with a service: JSON documents, downloads, uploads kept in a cache; 16 clients in four bursts; " +
        "the pools of Kestrel and of the handlers";

    private const int Clients = 16;
    private const int RequestsPerBurst = 500;
    private const int MaximumRows = 2_000;
    private const int MaximumUploadShift = 19;
    private const long CacheBytes = 24 << 20;
    private const int Bursts = 4;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1.6);

    public static async Task RunAsync(TraceRecorder recorder)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>>(new RecordingPoolFactory(recorder));
        using RecordingMemoryPool pool = new(MemoryPool<byte>.Shared, recorder);
        using UploadCache cache = new(CacheBytes);
        await using WebApplication app = builder.Build();
        app.MapGet("/json/{rows}", (int rows, HttpResponse response) => WriteJsonAsync(response, rows, pool));
        app.MapGet(
            "/download/{chunks}", (int chunks, HttpResponse response) => WriteDownloadAsync(response, chunks, pool));
        app.MapPost("/upload", (HttpRequest request) => ReceiveAsync(request, cache, pool));
        await app.StartAsync();
        Uri address = new(app.Urls.Single());
        for (int burst = 0; burst < Bursts; burst++)
        {
            int seed = burst * Clients;
            await Task.WhenAll(
                Enumerable.Range(0, Clients).Select(client => SendAsync(address, new Random(seed + client))));
            cache.Shrink(burst % 2 == 0 ? CacheBytes : CacheBytes / 3);
            await Task.Delay(s_pause);
        }

        await app.StopAsync();
    }

    private static async Task WriteJsonAsync(HttpResponse response, int rows, MemoryPool<byte> pool)
    {
        using PooledDocument document = new(pool, initialBytes: 256);
        using (Utf8JsonWriter json = new(document))
        {
            json.WriteStartArray();
            for (int row = 0; row < rows; row++)
            {
                json.WriteStartObject();
                json.WriteNumber("id"u8, row);
                json.WriteString("name"u8, "a product of some name");
                json.WriteNumber("price"u8, row * 0.25m);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        response.ContentType = "application/json";
        await response.Body.WriteAsync(document.Written);
    }

    private static async Task WriteDownloadAsync(HttpResponse response, int chunks, MemoryPool<byte> pool)
    {
        const int ChunkBytes = 32 << 10;
        response.ContentType = "application/octet-stream";
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            using IMemoryOwner<byte> buffer = pool.Rent(ChunkBytes);
            buffer.Memory.Span[..ChunkBytes].Fill((byte)chunk);
            await response.Body.WriteAsync(buffer.Memory[..ChunkBytes]);
        }
    }

    private static async Task<IResult> ReceiveAsync(HttpRequest request, UploadCache cache, MemoryPool<byte> pool)
    {
        int byteCount = (int)request.ContentLength!.Value;
        IMemoryOwner<byte> body = pool.Rent(byteCount);
        try
        {
            await request.Body.ReadExactlyAsync(body.Memory[..byteCount]);
        }
        catch (IOException)
        {
            body.Dispose();
            throw;
        }

        cache.Add(body, byteCount);
        return Results.NoContent();
    }

    private static async Task SendAsync(Uri address, Random random)
    {
        using HttpClient client = new() { BaseAddress = address };
        for (int i = 0; i < RequestsPerBurst; i++)
        {
            using HttpRequestMessage request = random.Next(10) switch
            {
                < 6 => new(HttpMethod.Get, $"/json/{random.Next(random.Next(1, MaximumRows))}"),
                6 => new(HttpMethod.Get, $"/download/{random.Next(1, 16)}"),
                _ => new(HttpMethod.Post, "/upload") { Content = new ByteArrayContent(new byte[UploadBytes(random)]) },
            };
            using HttpResponseMessage response = await client.SendAsync(request);
            response.EnsureSuccessStatusCode();
        }
    }

    // Each doubling is as likely as any other.
    private static int UploadBytes(Random random)
    {
        int least = 1 << random.Next(8, MaximumUploadShift);
        return random.Next(least, 2 * least);
    }

    private sealed class RecordingPoolFactory(TraceRecorder recorder) : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) =>
            new RecordingMemoryPool(MemoryPool<byte>.Shared, recorder);
    }
}
