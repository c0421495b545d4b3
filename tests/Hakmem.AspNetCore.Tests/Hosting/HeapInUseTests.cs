using System;
using System.Buffers;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Hakmem.Tests.Children;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// A container's own heap when the container ends.
public sealed class HeapInUseTests
{
    // The host gives up on the request, and everything is disposed while it runs. On a heap that was unmapped the first
    // touch of a block would end the process, so that is asked first.
    [Fact]
    public async Task RequestBeyondTheShutdownTimeoutKeepsItsMemory()
    {
        RecordingLoggers loggers = new();
        LateRequest request = new();
        WebApplication app = await StartAsync(loggers, request);
        HakmemAllocator heap = app.Services.GetRequiredService<HakmemAllocator>();
        NativeMemoryPool pool = app.Services.GetRequiredService<NativeMemoryPool>();
        using HttpClient client = new();
        Task<HttpResponseMessage> response = client.GetAsync(new Uri(app.Urls.Single()));
        await request.HasMemory.WaitAsync(Await.Deadlock);
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();

        Assert.Null(Record.Exception(heap.GetStatistics));
        Assert.Equal(2, heap.GetStatistics().LiveBlocks);
        long bytes = heap.GetStatistics().LiveBytes;
        Assert.Equal(
            [("Hakmem.HakmemAllocator", LogLevel.Warning,
                $"The service's own heap still has 2 live blocks of {bytes} bytes in all after its container was " +
                "disposed. A request that outlives the shutdown timeout holds them, or they have leaked. " +
                "The heap stays in place, so that the blocks stay valid.")],
            loggers.Of("Hakmem.HakmemAllocator"));
        request.Release();
        await request.Ended.WaitAsync(Await.Deadlock);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(100));
        Assert.NotNull(await Record.ExceptionAsync(() => response));
        Assert.True(heap.TryDispose());
        Assert.Throws<ObjectDisposedException>(heap.GetStatistics);
    }

    // The same as a program has it, by its exit code: 134 where the heap went with the container.
    [Fact]
    public void ServiceThatStopsUnderARequestEndsInOrder()
    {
        ChildResult child = ChildProcess.Run(LateRequestService.Name);
        child.AssertSucceeded();
        Assert.Contains("The request has 100000 bytes and a stream of 400000.", child.Output, StringComparison.Ordinal);
        Assert.Contains("blocks of", child.Output, StringComparison.Ordinal);
        Assert.Empty(child.Error);
    }

    [Fact]
    public async Task HeapWithNothingLiveIsDisposedInSilence()
    {
        RecordingLoggers loggers = new();
        LateRequest request = new();
        WebApplication app = await StartAsync(loggers, request);
        HakmemAllocator heap = app.Services.GetRequiredService<HakmemAllocator>();
        using HttpClient client = new();
        request.Release();
        using HttpResponseMessage response = await client.GetAsync(new Uri(app.Urls.Single()));
        await request.Ended.WaitAsync(Await.Deadlock);
        await app.StopAsync();
        await app.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(heap.GetStatistics);
        Assert.Empty(loggers.Of("Hakmem.HakmemAllocator"));
    }

    // A container without logging, as a console program may have.
    [Fact]
    public unsafe void HeapInUseIsLeftWithoutALogToo()
    {
        ServiceProvider services = new ServiceCollection().AddHakmem(options => options.Isolated = true).BuildServiceProvider();
        HakmemAllocator heap = services.GetRequiredService<HakmemAllocator>();
        byte* block = (byte*)heap.Alloc(1_000);
        services.Dispose();
        Assert.Null(Record.Exception(heap.GetStatistics));
        block[999] = 1;
        heap.Free(block);
        Assert.True(heap.TryDispose());
    }

    private static async Task<WebApplication> StartAsync(RecordingLoggers loggers, LateRequest request)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(loggers);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddHakmem(options => options.Isolated = true);
        WebApplication app = builder.Build();
        app.MapGet("/", (HakmemAllocator heap, NativeMemoryPool pool) => request.RunAsync(heap, pool));
        await app.StartAsync();
        return app;
    }

    // Holds a block and a rental until it is released, whatever becomes of its connection and its host, and then goes
    // on with the heap.
    private sealed class LateRequest
    {
        private readonly TaskCompletionSource _hasMemory = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _isReleased = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _hasEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task HasMemory => _hasMemory.Task;

        public Task Ended => _hasEnded.Task;

        public void Release() => _isReleased.SetResult();

        public async Task<IResult> RunAsync(HakmemAllocator heap, NativeMemoryPool pool)
        {
            try
            {
                nint block = AllocFilled(heap);
                IMemoryOwner<byte> owner = pool.Rent(10_000);
                owner.Memory.Span.Fill(0x22);
                _hasMemory.SetResult();
                await _isReleased.Task;
                Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)0x22));
                owner.Dispose();
                VerifyAndFree(heap, block);
                VerifyAndFree(heap, AllocFilled(heap));
                _hasEnded.SetResult();
            }
            catch (Exception failure)
            {
                _hasEnded.SetException(failure);
            }

            return Results.Ok();
        }

        private static unsafe nint AllocFilled(HakmemAllocator heap)
        {
            void* block = heap.Alloc(100_000);
            new Span<byte>(block, 100_000).Fill(0x11);
            return (nint)block;
        }

        private static unsafe void VerifyAndFree(HakmemAllocator heap, nint block)
        {
            Assert.Equal(-1, new Span<byte>((void*)block, 100_000).IndexOfAnyExcept((byte)0x11));
            heap.Free((void*)block);
        }
    }
}
