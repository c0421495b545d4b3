using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Children;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Hakmem.Tool.Tests.Children;

// Fourteen programs whose memory grows for one reason each. Those of the library's tests grow at once when they are
// told to (`grow`); a leak of blocks goes on until the process ends.
internal static partial class SeededPrograms
{
    public const string Rental = "undisposed-rental";
    public const string Stream = "undisposed-stream";
    public const string Region = "endless-region";
    public const string EndedThread = "freed-on-no-thread";
    public const string KestrelPool = "kestrel-pool";
    public const string NativeMalloc = "native-malloc";

    private static readonly List<object> s_kept = [];

    private static readonly ConcurrentQueue<HttpContext> s_uploads = new();

    private static HttpClient? s_client;

    private static readonly MemoryPool<byte> s_pool = NativeMemoryPool.Shared;

    public static async Task<int> RunAsync(string name)
    {
        TargetPrograms.WarmUp();
        if (name == KestrelPool)
        {
            await StartServiceAsync();
        }

        return await TargetPrograms.LoopAsync(line =>
        {
            if (line == "grow")
            {
                Grow(name);
                return "grown";
            }

            return "?";
        });
    }

    private static void Grow(string name)
    {
        switch (name)
        {
            case Rental:
                Repeat(RentAndForget);
                break;
            case Stream:
                Repeat(WriteAndForget);
                break;
            case Region:
                MemoryRegion region = HakmemAllocator.Shared.CreateRegion();
                s_kept.Add(region);
                Repeat(() => GrowRegion(region));
                break;
            case EndedThread:
                Repeat(() =>
                {
                    Thread thread = new(AllocateAndEnd);
                    thread.Start();
                    thread.Join();
                });
                break;
            case KestrelPool:
                KeepUploads();
                break;
            case NativeMalloc:
                CopyTexts();
                break;
            default:
                ReportScenario.Grow(name);
                break;
        }
    }

    // Every few milliseconds, beside work that is no leak.
    private static void Repeat(Action leak)
    {
        Thread thread = new(() =>
        {
            while (true)
            {
                leak();
                Work();
                Thread.Sleep(3);
            }
        })
        { IsBackground = true };
        thread.Start();
    }

    // Allocates more than the leak does, and frees it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Work()
    {
        for (int i = 0; i < 8; i++)
        {
            using IMemoryOwner<byte> owner = s_pool.Rent(64 << 10);
            owner.Memory.Span[0] = 1;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RentAndForget() => s_pool.Rent(64 << 10).Memory.Span[0] = 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteAndForget()
    {
        NativeMemoryStream stream = new();
        stream.Write(new byte[32 << 10]);
        s_kept.Add(stream);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void GrowRegion(MemoryRegion region)
    {
        for (int i = 0; i < 64; i++)
        {
            region.Alloc<byte>(1_000)[0] = 1;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void AllocateAndEnd() => *(byte*)HakmemAllocator.Shared.Alloc(48 << 10) = 1;

    // A service that is up: it has served a request.
    private static async Task StartServiceAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MinRequestBodyDataRate = null);
        WebApplication app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapGet("/", () => "up");
        app.MapPost("/", async (HttpContext context) =>
        {
            // Nothing else refers to a connection that Kestrel has stopped to read from: it would be collected.
            s_uploads.Enqueue(context);
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        await app.StartAsync();
        s_client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        await s_client.GetStringAsync("/");
        using ByteArrayContent little = new(new byte[10]);
        using CancellationTokenSource soon = new(TimeSpan.FromSeconds(1));
        try
        {
            await s_client.PostAsync("/", little, soon.Token);
        }
        catch (OperationCanceledException)
        {
            // It is never answered.
        }

        s_kept.Add(app);
    }

    // Uploads that the service does not read: Kestrel holds up to 1 MiB of each in its pinned blocks.
    private static void KeepUploads()
    {
        const int Uploads = 96;
        long wanted = GC.GetTotalAllocatedBytes() + (64 << 20);
        byte[] body = new byte[2 << 20];
        s_kept.Add(
            Enumerable.Range(0, Uploads).Select(_ => s_client!.PostAsync("/", new ByteArrayContent(body))).ToArray());
        SpinWait.SpinUntil(() => GC.GetTotalAllocatedBytes() > wanted, TimeSpan.FromSeconds(20));
    }

    // The C library allocates each copy itself.
    private static void CopyTexts()
    {
        byte[] text = new byte[2_000];
        Array.Fill(text, (byte)'a');
        text[^1] = 0;
        for (int i = 0; i < 50_000; i++)
        {
            CopyText(text);
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "strdup")]
    private static partial nint CopyText(byte[] text);
}
