using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Hakmem.BackPressure;

// One route, /download?number=: so many bytes, sent piece by piece out of one rented buffer, which the download has
// until its end. Its headers are sent before it has a buffer, since they say what is known.
//
// Requests that wait hold their connection and nothing else, and block no thread. A service whose clients wait for
// headers only so long rents first and answers 503 after a TimeoutException.
internal sealed class DownloadService : IAsyncDisposable
{
    public const int MaxBuffers = 4;
    public const int BufferBytes = 1 << 20;

    // More than the sockets of both sides keep.
    public const long DownloadBytes = 16L << 20;

    private static readonly TimeSpan s_longestWait = TimeSpan.FromMinutes(2);

    // A request that outlives the service's stop keeps its buffer.
    private readonly HakmemAllocator _heap = new() { DisposesOnlyUnused = true };
    private readonly NativeMemoryPool _pool;
    private readonly WebApplication _app;
    private readonly int _expected;
    private readonly bool _waits;
    private readonly TaskCompletionSource _allAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // The numbers of the downloads that have asked for their buffer or never will.
    private readonly ConcurrentDictionary<int, bool> _asked = new();

    // Interlocked.
    private int _waiting;
    private int _served;
    private int _mostServed;

    // expected: how many downloads there will be, with numbers of their own.
    public DownloadService(int expected, bool waits)
    {
        _expected = expected;
        _waits = waits;
        _pool = new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { MaxBytes = (long)MaxBuffers * BufferBytes });
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static options => options.Limits.MinResponseDataRate = null);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapGet(
            "/download", (HttpContext context, int number) =>
                SendAsync(number, context.Response, context.RequestAborted));
    }

    // Ends when every download has asked for its buffer, or has failed before. The sample's clients read on only then,
    // so that all ask while the first ones have theirs.
    public Task AllAsked => _allAsked.Task;

    // How many downloads did not have their buffer at once.
    public int Waited => _waiting;

    // How many had their buffer at a time, at most.
    public int MostServed => Volatile.Read(ref _mostServed);

    public async Task<Uri> StartAsync()
    {
        await _app.StartAsync();
        foreach (string url in _app.Urls)
        {
            return new Uri(new Uri(url), "/download");
        }

        throw new InvalidOperationException("Kestrel listens nowhere.");
    }

    // Called for each download when it asks for its buffer, and by its client when it has ended, however it did.
    public void NoteAsked(int number)
    {
        if (_asked.TryAdd(number, true) && _asked.Count == _expected)
        {
            _allAsked.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _pool.Dispose();
        _heap.Dispose();
    }

    private async Task SendAsync(int number, HttpResponse response, CancellationToken cancelled)
    {
        response.ContentType = "application/octet-stream";
        response.ContentLength = DownloadBytes;
        await response.StartAsync(cancelled);
        using IMemoryOwner<byte> buffer = await RentAsync(number, cancelled);
        NoteServed(Interlocked.Increment(ref _served));
        try
        {
            for (long sent = 0; sent < DownloadBytes; sent += BufferBytes)
            {
                buffer.Memory.Span.Fill(PieceOf(sent));
                await response.Body.WriteAsync(buffer.Memory, cancelled);
            }
        }
        finally
        {
            // Before the buffer goes to the next.
            Interlocked.Decrement(ref _served);
        }
    }

    // What the piece of a download consists of that begins there.
    public static byte PieceOf(long offset) => (byte)(1 + (offset / BufferBytes));

    private ValueTask<IMemoryOwner<byte>> RentAsync(int number, CancellationToken cancelled)
    {
        try
        {
            if (!_waits)
            {
                return new ValueTask<IMemoryOwner<byte>>(_pool.Rent(BufferBytes));
            }

            Task<IMemoryOwner<byte>> rental = _pool.RentAsync(BufferBytes, s_longestWait, cancelled).AsTask();
            if (!rental.IsCompleted)
            {
                Interlocked.Increment(ref _waiting);
            }

            return new ValueTask<IMemoryOwner<byte>>(rental);
        }
        finally
        {
            NoteAsked(number);
        }
    }

    private void NoteServed(int served)
    {
        int most = MostServed;
        while (served > most)
        {
            int before = Interlocked.CompareExchange(ref _mostServed, served, most);
            most = before == most ? served : before;
        }
    }
}
