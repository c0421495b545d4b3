using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// More transfers at a time than the limit has blocks for. Kestrel survives no failed rental in an HTTP/2 connection's
// output: that connection's pipes never end, and their blocks are lost.
public sealed class LimitTests
{
    private const int Rounds = 3;
    private const int Connections = 8;
    private const int Streams = 10;

    [Theory]
    [InlineData(HttpKind.Http1)]
    [InlineData(HttpKind.Http2ClearText)]
    [InlineData(HttpKind.Http2OverTls)]
    public async Task LoadBeyondTheLimitIsServedAndLeavesNothing(HttpKind kind)
    {
        await using KestrelServer server = await KestrelServer.StartAsync(options => options.MaxBytes = 128 << 10);
        for (int round = 0; round < Rounds; round++)
        {
            List<HttpClient> clients = [.. Enumerable.Range(0, Connections).Select(_ => server.CreateClient(kind))];
            IEnumerable<Task> transfers = clients.SelectMany(client => Enumerable.Range(0, Streams).Select(stream =>
                stream % 3 == 0
                    ? Exchanges.UploadAsync(client, 300_000, isChunked: false)
                    : Exchanges.DownloadAsync(client, 400_000, isChunked: stream % 2 == 0)));
            await Task.WhenAll(transfers).WaitAsync(Await.Deadlock);
            clients.ForEach(client => client.Dispose());
            await Await.UntilAsync(() => server.Statistics.RentedBytes == 0, () => $"{server.Statistics}");
        }

        Assert.True(server.Statistics.BeyondLimitRents > 0, "The load stayed within the limit.");
        using (HttpClient next = server.CreateClient(kind))
        {
            await Exchanges.DownloadAsync(next, 50_000, isChunked: false);
        }

        await server.AssertAllIsGivenBackAsync();
    }
}
