using System;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// A request's body of which half is sent, and the rest never: it waits until the request ends otherwise.
internal sealed class HalfContent : HttpContent
{
    private const int HalfBytes = 50_000;

    private readonly TaskCompletionSource _halfIsSent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task HalfIsSent => _halfIsSent.Task;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        byte[] half = new byte[HalfBytes];
        BodyPattern.Fill(0, half);
        await stream.WriteAsync(half, cancellationToken);
        await stream.FlushAsync(cancellationToken);
        _halfIsSent.SetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 2 * HalfBytes;
        return true;
    }
}
