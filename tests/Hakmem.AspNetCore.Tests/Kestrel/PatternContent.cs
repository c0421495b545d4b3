using System;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// A request's body of BodyPattern's bytes, made while it is sent, with its length in the headers or in chunks.
internal sealed class PatternContent(long bytes, bool isChunked) : HttpContent
{
    private const int PieceBytes = 100_000;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        byte[] piece = new byte[Math.Min(bytes, PieceBytes)];
        for (long offset = 0; offset < bytes; offset += piece.Length)
        {
            int length = (int)Math.Min(piece.Length, bytes - offset);
            BodyPattern.Fill(offset, piece.AsSpan(0, length));
            await stream.WriteAsync(piece.AsMemory(0, length), cancellationToken);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = bytes;
        return !isChunked;
    }
}
