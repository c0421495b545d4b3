using System;
using System.Linq;
using System.Net.Http;
using System.Net.WebSockets;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

public sealed class WebSocketTests
{
    [Theory]
    [InlineData(HttpKind.Http1, "ws")]
    [InlineData(HttpKind.Http1OverTls, "wss")]
    public async Task MessagesComeBackWholeAndThePoolEmpties(HttpKind kind, string scheme)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        Uri address = new UriBuilder(server.AddressOf(kind)) { Scheme = scheme, Path = "/echo" }.Uri;
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => EchoAsync(address)));
        await server.AssertAllIsGivenBackAsync();
    }

    [Fact]
    public async Task ASocketThatVanishesLeavesNothing()
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        Uri address = new UriBuilder(server.AddressOf(HttpKind.Http1)) { Scheme = "ws", Path = "/echo" }.Uri;
        for (int i = 0; i < 10; i++)
        {
            using ClientWebSocket socket = new();
            await socket.ConnectAsync(address, CancellationToken.None);
            await socket.SendAsync(new byte[100_000], WebSocketMessageType.Binary, endOfMessage: false, CancellationToken.None);
            socket.Abort();
        }

        await server.AssertAllIsGivenBackAsync();
    }

    private static async Task EchoAsync(Uri address)
    {
        using CancellationTokenSource deadlock = new(Await.Deadlock);
        using ClientWebSocket socket = new();
        socket.Options.RemoteCertificateValidationCallback =
            (_, certificate, _, _) => certificate?.GetCertHashString() == TestCertificate.Instance.Thumbprint;
        await socket.ConnectAsync(address, deadlock.Token);
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
