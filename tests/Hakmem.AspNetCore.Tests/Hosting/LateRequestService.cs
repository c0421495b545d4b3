using System;
using System.Buffers;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Hakmem.AspNetCore.Tests.Hosting;

// A whole service as programs are written, in a process of its own: it is told to stop while a request runs that does
// not heed that, and ends when the request has ended. What the request does with its memory is the test's affair.
internal static class LateRequestService
{
    public const string Name = "late-request";

    public static async Task<int> RunAsync()
    {
        TaskCompletionSource isStopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hasEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddHakmem(options => options.Isolated = true);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(200));
        WebApplication app = builder.Build();
        app.MapGet("/", (HakmemAllocator heap, NativeMemoryPool pool) => ServeAsync(app, heap, pool, isStopped.Task, hasEnded));
        await app.StartAsync();
        using HttpClient client = new();
        Task response = Task.WhenAny(client.GetAsync(new Uri(app.Urls.First())));
        await app.WaitForShutdownAsync();
        await app.DisposeAsync();
        Console.WriteLine("The service has stopped.");
        isStopped.SetResult();
        await hasEnded.Task.WaitAsync(Await.Deadlock);
        await response.WaitAsync(Await.Deadlock);
        return 0;
    }

    private static async Task<IResult> ServeAsync(
        WebApplication app, HakmemAllocator heap, NativeMemoryPool pool, Task isStopped, TaskCompletionSource hasEnded)
    {
        IMemoryOwner<byte> rental = pool.Rent(100_000);
        using NativeMemoryStream stream = new(heap);
        stream.Write(new byte[200_000]);
        app.Lifetime.StopApplication();
        await isStopped;
        rental.Memory.Span.Fill(0x11);
        stream.Write(new byte[200_000]);
        Console.WriteLine($"The request has {rental.Memory.Length} bytes and a stream of {stream.Length}.");
        rental.Dispose();
        hasEnded.SetResult();
        return Results.Ok();
    }
}
