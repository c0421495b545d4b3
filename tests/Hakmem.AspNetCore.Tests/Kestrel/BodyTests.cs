using System.Net.Http;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// Bodies of every size, both ways, in every way to speak HTTP; afterwards the pool has given everything back.
public sealed class BodyTests
{
    [Theory]
    [InlineData(HttpKind.Http1, false)]
    [InlineData(HttpKind.Http1, true)]
    [InlineData(HttpKind.Http2ClearText, false)]
    [InlineData(HttpKind.Http2ClearText, true)]
    [InlineData(HttpKind.Http1OverTls, false)]
    [InlineData(HttpKind.Http1OverTls, true)]
    [InlineData(HttpKind.Http2OverTls, false)]
    [InlineData(HttpKind.Http2OverTls, true)]
    public async Task BodiesArriveWholeAndThePoolEmpties(HttpKind kind, bool isChunked)
    {
        await using KestrelServer server = await KestrelServer.StartAsync();
        using (HttpClient client = server.CreateClient(kind))
        {
            foreach (long bytes in (long[])[1, 64 << 10, 1 << 20, 64 << 20])
            {
                await Exchanges.DownloadAsync(client, bytes, isChunked);
                await Exchanges.UploadAsync(client, bytes, isChunked);
            }
        }

        await server.AssertAllIsGivenBackAsync();
    }
}
