using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.WebSockets;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

public sealed class WebSocketTests
{
    // Over HTTP/2 (RFC 8441) each is a stream, and all of a client's are in one connection.
    [Theory]
    [InlineData(HttpKind.Http1, "ws")]
    [InlineData(HttpKind.Http1OverTls, "wss")]
    [InlineData(HttpKind.Http2ClearText, "ws")]
    [InlineData(HttpKind.Http2OverTls, "wss")]
    public async Task MessagesComeBackWholeAndThePoolEmpties(HttpKind kind, string scheme)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        Uri address = new UriBuilder(server.AddressOf(kind)) { Scheme = scheme, Path = "/echo" }.Uri;
        using (HttpMessageInvoker client = server.CreateClient(kind))
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => EchoAsync(client, kind, address)));
        }

        await server.AssertAllIsGivenBackAsync();
    }

    [Theory]
    [InlineData(HttpKind.Http1)]
    [InlineData(HttpKind.Http2ClearText)]
    public async Task ASocketThatVanishesLeavesNothing(HttpKind kind)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        Uri address = new UriBuilder(server.AddressOf(kind)) { Scheme = "ws", Path = "/echo" }.Uri;
        using (HttpMessageInvoker client = server.CreateClient(kind))
        {
            for (int i = 0; i < 10; i++)
            {
                using ClientWebSocket socket = Create(kind);
                await socket.ConnectAsync(address, client, CancellationToken.None);
                await socket.SendAsync(new byte[100_000], WebSocketMessageType.Binary, endOfMessage: false, CancellationToken.None);
                socket.Abort();
            }
        }

        // Over HTTP/2 the sockets' connection is the client's, and Kestrel may keep a block for it as long as it is open.
        await server.AssertAllIsGivenBackAsync();
    }

    private static ClientWebSocket Create(HttpKind kind)
    {
        ClientWebSocket socket = new();
        socket.Options.HttpVersion = kind is HttpKind.Http2ClearText or HttpKind.Http2OverTls ? HttpVersion.Version20 : HttpVersion.Version11;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.CollectHttpResponseDetails = true;
        return socket;
    }

    private static async Task EchoAsync(HttpMessageInvoker client, HttpKind kind, Uri address)
    {
        using CancellationTokenSource deadlock = new(Await.Deadlock);
        using ClientWebSocket socket = Create(kind);
        await socket.ConnectAsync(address, client, deadlock.Token);

        // Over HTTP/2 there is no switch of protocols, but a stream that was accepted.
        bool isHttp2 = socket.Options.HttpVersion.Major == 2;
        Assert.Equal(isHttp2 ? HttpStatusCode.OK : HttpStatusCode.SwitchingProtocols, socket.HttpStatusCode);
        foreach (int bytes in (int[])[1, 4_000, 64 << 10, 1 << 20])
        {
            byte[] message = new byte[bytes];
            BodyPattern.Fill(bytes, message);
            Task sending = socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, deadlock.Token);
            byte[] echo = new byte[bytes];
            int offset = 0;
            for (bool isWhole = false; !isWhole;)
            {
                WebSocketReceiveResult received = await socket.ReceiveAsync(
                    new ArraySegment<byte>(echo, offset, bytes - offset), deadlock.Token);
                offset += received.Count;
                isWhole = received.EndOfMessage;
            }

            await sending;
            Assert.Equal(bytes, offset);
            BodyPattern.Verify(bytes, echo);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, deadlock.Token);
    }
}
