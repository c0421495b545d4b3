using System;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Kestrel;

// Verified transfers with TestEndpoints.
internal static class Exchanges
{
    public static async Task DownloadAsync(HttpClient client, long bytes, bool isChunked)
    {
        using HttpResponseMessage response = await client.GetAsync(
            new Uri($"/download?bytes={bytes}&chunked={isChunked}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(client.DefaultRequestVersion, response.Version);
        Assert.Equal(isChunked ? null : bytes, response.Content.Headers.ContentLength);
        Assert.Equal(isChunked && response.Version.Major == 1 ? true : null, response.Headers.TransferEncodingChunked);
        await using Stream body = await response.Content.ReadAsStreamAsync();
        byte[] buffer = new byte[70_000];
        long offset = 0;
        for (int read; (read = await body.ReadAsync(buffer)) > 0; offset += read)
        {
            BodyPattern.Verify(offset, buffer.AsSpan(0, read));
        }

        Assert.Equal(bytes, offset);
    }

    public static async Task UploadAsync(HttpClient client, long bytes, bool isChunked)
    {
        using PatternContent content = new(bytes, isChunked);
        using HttpResponseMessage response = await client.PostAsync(new Uri("/upload", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        bool isHttp2 = client.DefaultRequestVersion.Major == 2;
        string framing = TestEndpoints.Framing(
            isHttp2 ? "HTTP/2" : "HTTP/1.1", isChunked ? null : bytes, isChunked && !isHttp2 ? "chunked" : null);
        Assert.Equal([framing], response.Headers.GetValues(TestEndpoints.FramingHeader));
        Assert.Equal(bytes, long.Parse(await response.Content.ReadAsStringAsync(), CultureInfo.InvariantCulture));
    }
}
