using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hakmem.WebService;

// Requests to the service itself, over loopback as any client's, and sessions that keep buffers for a while: so that there is something to see.
// A load ends when its time is over, when it is stopped, or when the service ends. What else ends a worker of it is logged: nobody waits for it.
internal sealed partial class LoadGenerator(Rentals rentals, IHostApplicationLifetime lifetime, ILogger<LoadGenerator> logger) : IAsyncDisposable
{
    private const int PictureSide = 700;
    private const int MaxUploadBytes = 3 << 20;
    private const int MaxRows = 20_000;
    private const int SessionsPerWorker = 400;
    private const int SessionsPerStep = 40;
    private const int LargeOneIn = 400;
    private const int LargeShift = 21;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(15);

    private readonly Lock _lock = new();

    // Guarded by _lock: the run that was started last, and what ends it.
    private CancellationTokenSource _stopping = new();
    private Task _run = Task.CompletedTask;

    public bool IsRunning
    {
        get
        {
            lock (_lock)
            {
                return !_run.IsCompleted;
            }
        }
    }

    // Does nothing while it is running.
    public void Start(Uri service, TimeSpan time, int workers)
    {
        lock (_lock)
        {
            if (_run.IsCompleted)
            {
                _stopping.Dispose();
                _stopping = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
                _stopping.CancelAfter(time);
                CancellationToken stop = _stopping.Token;
                _run = Task.Run(() => Task.WhenAll(Enumerable.Range(0, workers).Select(worker => WorkAsync(service, new Random(worker), stop))), CancellationToken.None);
            }
        }
    }

    // When this is done no request is under way, and every session's buffer is back.
    public async Task StopAsync()
    {
        Task run;
        lock (_lock)
        {
            _stopping.Cancel();
            run = _run;
        }

        await run;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    [LoggerMessage(LogLevel.Error, "A worker of the load failed and ended.")]
    private static partial void LogFailure(ILogger logger, Exception failure);

    private async Task WorkAsync(Uri service, Random random, CancellationToken stop)
    {
        try
        {
            await SendAsync(service, random, stop);
        }
        catch (HttpRequestException unanswered) when (unanswered.StatusCode is null && lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The service is ending and takes no requests any more.
        }
        catch (Exception failure)
        {
            LogFailure(logger, failure);
        }
    }

    private async Task SendAsync(Uri service, Random random, CancellationToken stop)
    {
        using HttpClient client = new() { BaseAddress = service };
        byte[] upload = new byte[MaxUploadBytes];
        random.NextBytes(upload);
        byte[] picture = new byte[PpmPicture.FileBytes(PictureSide, PictureSide)];
        PpmPicture.Generate(PictureSide, PictureSide, picture);
        var sessions = new Queue<IMemoryOwner<byte>>();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                KeepSessions(sessions, random);
                using HttpRequestMessage request = random.Next(5) switch
                {
                    0 or 1 => new(HttpMethod.Post, "/upload") { Content = new ByteArrayContent(upload, 0, random.Next(upload.Length)) },
                    2 or 3 => new(HttpMethod.Post, "/thumbnail?width=200") { Content = new ByteArrayContent(picture) },
                    _ => new(HttpMethod.Get, $"/export?rows={random.Next(MaxRows)}"),
                };

                // A request that was begun is finished.
                using HttpResponseMessage response = await client.SendAsync(request, CancellationToken.None);
                response.EnsureSuccessStatusCode();
                await Task.Delay(s_pause, CancellationToken.None);
            }
        }
        finally
        {
            foreach (IMemoryOwner<byte> session in sessions)
            {
                session.Dispose();
            }
        }
    }

    // A few sessions come and the oldest go. How many are kept goes up and down, so that the heap does.
    private void KeepSessions(Queue<IMemoryOwner<byte>> sessions, Random random)
    {
        for (int i = 0; i < SessionsPerStep; i++)
        {
            // Small ones for the most part, and now and then one above all size classes.
            int shift = random.Next(LargeOneIn) == 0 ? LargeShift : random.Next(4, 18);
            IMemoryOwner<byte> session = rentals.Sessions.Pool.Rent(random.Next(1 << shift, 2 << shift));
            session.Memory.Span.Fill(1);
            sessions.Enqueue(session);
        }

        double wave = 1 + Math.Sin(Environment.TickCount64 / 2_500.0);
        while (sessions.Count > SessionsPerWorker * (0.3 + wave))
        {
            sessions.Dequeue().Dispose();
        }
    }
}
