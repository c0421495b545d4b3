using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// Many connections, and such as end badly.
public sealed class ConnectionTests
{
    [Theory]
    [InlineData(HttpKind.Http1)]
    [InlineData(HttpKind.Http2ClearText)]
    public async Task TwoHundredConnectionsAtATime(HttpKind kind)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();

        // A client each, so that HTTP/2 opens a connection for each too.
        List<HttpClient> clients = [.. Enumerable.Range(0, 200).Select(_ => server.CreateClient(kind))];
        for (int round = 0; round < 3; round++)
        {
            await Task.WhenAll(clients.Select(async (client, index) =>
            {
                await Exchanges.DownloadAsync(client, 10_000 + (index * 100), isChunked: index % 2 == 0);
                await Exchanges.UploadAsync(client, 30_000 - (index * 100), isChunked: index % 2 == 1);
            }));
        }

        clients.ForEach(client => client.Dispose());
        await server.AssertAllIsGivenBackAsync();
    }

    [Fact]
    public async Task IdleConnectionsHoldNoBlocks()
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        using HttpClient client = server.CreateClient(HttpKind.Http1);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Exchanges.DownloadAsync(client, 100_000, isChunked: false)));

        // The connections are kept alive, and wait for data without a buffer.
        await server.AssertAllIsGivenBackAsync();
        await Exchanges.DownloadAsync(client, 100_000, isChunked: false);
        Assert.True(server.Statistics.TotalBytes > 0);
    }

    [Theory]
    [InlineData("GET /download?bytes=50000000 HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\npart of the body")]
    [InlineData("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")]
    [InlineData("GET /downl")]
    [InlineData("nonsense\r\n\r\n")]
    public async Task ClientsThatVanishLeaveNothing(string request)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        Uri address = server.AddressOf(HttpKind.Http1);
        for (int i = 0; i < 20; i++)
        {
            using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, address.Port);
            await socket.SendAsync(Encoding.ASCII.GetBytes(request));
            if (request.StartsWith("GET /download?", StringComparison.Ordinal))
            {
                // The answer is under way.
                Assert.True(await socket.ReceiveAsync(new byte[1_000]) > 0);
            }

            // A reset for every other one, and an orderly end for the rest.
            socket.LingerState = new LingerOption(enable: i % 2 == 0, seconds: 0);
        }

        // The ten that ended in order have been seen (a reset may come before the request is read), and the server goes on.
        await Await.UntilAsync(() => server.Statistics.Rents >= 10, () => $"only {server.Statistics.Rents} blocks were rented");
        using (HttpClient client = server.CreateClient(HttpKind.Http1))
        {
            await Exchanges.DownloadAsync(client, 1 << 20, isChunked: true);
        }

        await server.AssertAllIsGivenBackAsync();
    }

    [Theory]
    [InlineData(HttpKind.Http2ClearText)]
    [InlineData(HttpKind.Http2OverTls)]
    public async Task StreamsThatAreCancelledLeaveNothing(HttpKind kind)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        using (HttpClient client = server.CreateClient(kind))
        {
            for (int i = 0; i < 20; i++)
            {
                using CancellationTokenSource cancellation = new();
                using HttpResponseMessage response = await client.GetAsync(
                    new Uri("/download?bytes=50000000", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellation.Token);
                await using System.IO.Stream body = await response.Content.ReadAsStreamAsync(cancellation.Token);
                Assert.True(await body.ReadAsync(new byte[1_000], cancellation.Token) > 0);
                await cancellation.CancelAsync();
            }

            await Exchanges.DownloadAsync(client, 1 << 20, isChunked: false);
        }

        await server.AssertAllIsGivenBackAsync();
    }

    // Of a connection with many streams, half-way in downloads and uploads, the transport goes at once.
    [Theory]
    [InlineData(HttpKind.Http2ClearText)]
    [InlineData(HttpKind.Http2OverTls)]
    public async Task AnHttp2ConnectionThatIsResetLeavesNothing(HttpKind kind)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        for (int i = 0; i < 5; i++)
        {
            List<Socket> sockets = [];
            using HttpClient client = server.CreateClient(kind, sockets.Add);
            HttpResponseMessage[] downloads = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => client.GetAsync(
                new Uri("/download?bytes=50000000", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead)));
            using HalfContent half = new();
            Task<HttpResponseMessage> upload = client.PostAsync(new Uri("/upload", UriKind.Relative), half);
            await half.HalfIsSent.WaitAsync(Await.Deadlock);
            foreach (HttpResponseMessage download in downloads)
            {
                System.IO.Stream body = await download.Content.ReadAsStreamAsync();
                Assert.True(await body.ReadAsync(new byte[1_000]) > 0);
            }

            // All of it went through one connection, whose end is a reset.
            Socket only = Assert.Single(sockets);
            only.LingerState = new LingerOption(enable: true, seconds: 0);
            only.Dispose();

            // Which exception it is depends on whether the connection or the body is seen to fail first.
            await Assert.ThrowsAnyAsync<Exception>(() => upload);
            foreach (HttpResponseMessage download in downloads)
            {
                await Assert.ThrowsAnyAsync<Exception>(() => download.Content.CopyToAsync(System.IO.Stream.Null));
                download.Dispose();
            }
        }

        using (HttpClient next = server.CreateClient(kind))
        {
            await Exchanges.DownloadAsync(next, 1 << 20, isChunked: false);
        }

        await server.AssertAllIsGivenBackAsync();
    }
}
