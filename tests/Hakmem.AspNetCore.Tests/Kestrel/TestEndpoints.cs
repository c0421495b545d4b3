using System;
using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// What a KestrelServer serves: bodies of BodyPattern's bytes both ways, and a WebSocket echo. Bodies go through Kestrel's pipes, hence
// through the pool's blocks.
internal static class TestEndpoints
{
    // A header of the upload's answer: the request's protocol, Content-Length and Transfer-Encoding as the server has seen them.
    public const string FramingHeader = "Seen-Framing";

    private const int WriteBytes = 50_000;

    public static void Map(WebApplication app)
    {
        app.MapGet("/download", DownloadAsync);
        app.MapPost("/upload", UploadAsync);
        app.Map("/echo", EchoAsync);
    }

    public static string Framing(string protocol, long? contentLength, string? transferEncoding) =>
        $"{protocol}, length {contentLength?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}, {transferEncoding ?? "no"} transfer encoding";

    // ?bytes=N[&chunked=true]
    private static async Task DownloadAsync(HttpContext context, long bytes, bool chunked = false)
    {
        context.Response.ContentLength = chunked ? null : bytes;
        PipeWriter writer = context.Response.BodyWriter;
        for (long offset = 0; offset < bytes;)
        {
            Memory<byte> memory = writer.GetMemory();
            int length = (int)Math.Min(memory.Length, bytes - offset);
            BodyPattern.Fill(offset, memory.Span[..length]);
            writer.Advance(length);
            offset += length;
            if (writer.UnflushedBytes > WriteBytes || offset == bytes)
            {
                FlushResult flushed = await writer.FlushAsync(context.RequestAborted);
                if (flushed.IsCompleted)
                {
                    return;
                }
            }
        }
    }

    // Answers with how many bytes came, all of which were right.
    private static async Task UploadAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        context.Response.Headers[FramingHeader] = Framing(request.Protocol, request.ContentLength, request.Headers.TransferEncoding);
        PipeReader reader = request.BodyReader;
        long offset = 0;
        for (bool isCompleted = false; !isCompleted;)
        {
            ReadResult read = await reader.ReadAsync(context.RequestAborted);
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                BodyPattern.Verify(offset, segment.Span);
                offset += segment.Length;
            }

            reader.AdvanceTo(read.Buffer.End);
            isCompleted = read.IsCompleted;
        }

        await context.Response.WriteAsync(offset.ToString(CultureInfo.InvariantCulture));
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(10_000);
        try
        {
            for (WebSocketReceiveResult received; ;)
            {
                received = await socket.ReceiveAsync(buffer, context.RequestAborted);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                    return;
                }

                await socket.SendAsync(
                    buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, context.RequestAborted);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
