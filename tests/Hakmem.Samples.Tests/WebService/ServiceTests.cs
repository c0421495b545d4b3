using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.WebService;
using Xunit;

namespace Hakmem.Samples.Tests.WebService;

// The routes, over loopback, in both ways: what they answer is right, and afterwards every buffer is back.
public sealed class ServiceTests(RunningService service) : IClassFixture<RunningService>
{
    public static TheoryData<string> Ways { get; } = ["native", "managed"];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task AnUploadIsHashed(string way)
    {
        foreach (int length in new[] { 0, 1, 65_536, 1_000_003, 9 << 20 })
        {
            byte[] body = new byte[length];
            new Random(length).NextBytes(body);
            UploadResult? result = await PostAsync<UploadResult>($"/upload?way={way}", body);
            Assert.Equal(new UploadResult(length, Convert.ToHexStringLower(SHA256.HashData(body))), result);
        }

        AssertAllBack();
    }

    [Fact]
    public async Task AChunkedUploadIsHashedToo()
    {
        byte[] body = new byte[3_000_000];
        new Random(1).NextBytes(body);
        using HttpRequestMessage request = new(HttpMethod.Post, "/upload") { Content = new ByteArrayContent(body) };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await service.Client.SendAsync(request, Cancelled);
        UploadResult? result = await response.Content.ReadFromJsonAsync<UploadResult>(Cancelled);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), result!.Sha256);
        AssertAllBack();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task APictureIsMadeSmaller(string way)
    {
        // Four pixels that become one: its colours are their means.
        byte[] header = "P6\n2 2\n255\n"u8.ToArray();
        byte[] picture = [.. header, 10, 20, 30, 20, 30, 40, 30, 40, 50, 40, 50, 60];
        byte[] bitmap = await PostBytesAsync($"/thumbnail?width=1&way={way}", picture);
        Assert.Equal("BM"u8.ToArray(), bitmap[..2]);
        Assert.Equal(54 + 4, bitmap.Length);
        Assert.Equal((1, 1), (BitConverter.ToInt32(bitmap, 18), BitConverter.ToInt32(bitmap, 22)));
        Assert.Equal([45, 35, 25, 0], bitmap[54..]);
        AssertAllBack();
    }

    [Fact]
    public async Task BothWaysMakeTheSamePicture()
    {
        byte[] picture = new byte[PpmPicture.FileBytes(301, 207)];
        PpmPicture.Generate(301, 207, picture);
        byte[] native = await PostBytesAsync("/thumbnail?width=100&way=native", picture);
        Assert.Equal(native, await PostBytesAsync("/thumbnail?width=100&way=managed", picture));
        Assert.Equal((100, 68), (BitConverter.ToInt32(native, 18), BitConverter.ToInt32(native, 22)));
    }

    [Theory]
    [InlineData("not a picture")]
    [InlineData("P6\n2 2\n255\nshort")]
    [InlineData("P6\n-2 2\n255\n............")]
    [InlineData("P6\n99999 99999\n255\n............")]
    [InlineData("P6\n2 2\n65535\n............")]
    public async Task WhatIsNoPictureIsRefused(string body)
    {
        using StringContent content = new(body);
        using HttpResponseMessage response = await service.Client.PostAsync(new Uri("/thumbnail", UriKind.Relative), content, Cancelled);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        AssertAllBack();
    }

    [Fact]
    public async Task AGeneratedPictureIsMadeSmaller()
    {
        byte[] bitmap = await service.Client.GetByteArrayAsync(new Uri("/thumbnail?size=500&width=50", UriKind.Relative), Cancelled);
        Assert.Equal((50, 50), (BitConverter.ToInt32(bitmap, 18), BitConverter.ToInt32(bitmap, 22)));
        Assert.True(bitmap.Distinct().Count() > 20);
        AssertAllBack();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task AnExportIsWholeJson(string way)
    {
        foreach (int rows in new[] { 0, 1, 40_000 })
        {
            byte[] json = await service.Client.GetByteArrayAsync(new Uri($"/export?rows={rows}&way={way}", UriKind.Relative), Cancelled);
            using JsonDocument document = JsonDocument.Parse(json);
            Assert.Equal(rows, document.RootElement.GetArrayLength());
            Assert.Equal(Enumerable.Range(0, rows), document.RootElement.EnumerateArray().Select(row => row.GetProperty("id").GetInt32()));
        }

        AssertAllBack();
    }

    [Fact]
    public async Task AnExportThatNobodyReadsToTheEndLeavesNothingBehind()
    {
        using (HttpResponseMessage response = await service.Client.GetAsync(
            new Uri("/export?rows=2000000", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Cancelled))
        {
            using var body = await response.Content.ReadAsStreamAsync(Cancelled);
            await body.ReadExactlyAsync(new byte[100_000], Cancelled);
        }

        AssertAllBack();
    }

    [Fact]
    public async Task TheReportIsOfTheHeap()
    {
        using NativeMemoryPool pool = new(service.Heap);
        using IMemoryOwner<byte> held = pool.Rent(300_000);
        using IMemoryOwner<byte> heldInSpan = pool.Rent(1_000);
        JsonElement report = await service.Client.GetFromJsonAsync<JsonElement>(
            new Uri("/api/heap", UriKind.Relative), Cancelled);
        Assert.True(report.GetProperty("heap").GetProperty("liveBytes").GetInt64() >= 300_000);
        JsonElement slab = report.GetProperty("superSlabs")[0];
        Assert.StartsWith("0x", slab.GetProperty("address").GetString(), StringComparison.Ordinal);
        Assert.Equal(32, slab.GetProperty("unitKinds").GetArrayLength());
        Assert.Contains(
            report.GetProperty("superSlabs").EnumerateArray()
                .SelectMany(one => one.GetProperty("blocksOut").EnumerateArray()),
            unit => unit.GetInt32() > 0);
        Assert.Equal(
            report.GetProperty("heap").GetProperty("committedBytes").GetInt64(),
            report.GetProperty("superSlabCount").GetInt64() * HakmemHeapMap.SuperSlabBytes);
    }

    // Each component's bytes are its tag's and the service's, and those of another are not.
    [Fact]
    public async Task TheReportHasTheTags()
    {
        Rentals rentals = service.Rentals;
        using IMemoryOwner<byte> picture = rentals.Pictures.Pool.Rent(200_000);
        using IMemoryOwner<byte> export = rentals.Exports.Pool.Rent(100_000);
        JsonElement report = await service.Client.GetFromJsonAsync<JsonElement>(
            new Uri("/api/heap", UriKind.Relative), Cancelled);
        Dictionary<string, long> live = report.GetProperty("heap").GetProperty("tags").EnumerateArray()
            .ToDictionary(tag => tag.GetProperty("path").GetString()!, tag => tag.GetProperty("liveBytes").GetInt64());
        Assert.InRange(live["service/pictures"], 200_000, 230_000);
        Assert.InRange(live["service/exports"], 100_000, 115_000);
        Assert.Equal(0, live["service/uploads"]);
        Assert.Equal(live["service/pictures"] + live["service/exports"], live["service"]);
    }

    // A generated picture and its thumbnail are in the region of the request.
    [Fact]
    public async Task TheReportHasTheRegionsOfRequests()
    {
        long before = await EndedRegionsAsync();
        await service.Client.GetByteArrayAsync(new Uri("/thumbnail?size=200&width=50", UriKind.Relative), Cancelled);
        AssertAllBack();
        JsonElement regions = default;
        for (long count = before; count == before; count = regions.GetProperty("count").GetInt64())
        {
            regions = (await service.Client.GetFromJsonAsync<JsonElement>(
                new Uri("/api/heap", UriKind.Relative), Cancelled)).GetProperty("regions");
        }

        Assert.InRange(regions.GetProperty("mostBytes").GetInt64(), 200 * 200 * 3, 64 << 20);
        Assert.True(regions.GetProperty("totalBytes").GetInt64() >= regions.GetProperty("lastBytes").GetInt64());
    }

    // Hakmem's row of the resident set, and the stack that allocated the most.
    [Fact]
    public async Task TheProcessReportHasRowsAndStacks()
    {
        using IMemoryOwner<byte> held = service.Rentals.Sessions.Pool.Rent(40 << 20);
        held.Memory.Span.Fill(1);
        JsonElement report = await service.Client.GetFromJsonAsync<JsonElement>(
            new Uri("/api/process", UriKind.Relative), Cancelled);
        Assert.True(report.GetProperty("residentBytes").GetInt64() > 40 << 20);
        Assert.InRange(report.GetProperty("attributedShare").GetDouble(), 0.5, 1.1);
        JsonElement own = Assert.Single(
            report.GetProperty("rows").EnumerateArray(), row => row.GetProperty("name").GetString() == "Hakmem: live");
        Assert.True(own.GetProperty("residentBytes").GetInt64() >= 40 << 20);
        JsonElement stack = report.GetProperty("stacks")[0];
        Assert.InRange(stack.GetProperty("inUseBytes").GetInt64(), 40 << 20, 50 << 20);
        Assert.Contains(stack.GetProperty("frames").EnumerateArray(), frame =>
            frame.GetString()!.Contains("Rent", StringComparison.Ordinal));
    }

    private async Task<long> EndedRegionsAsync() =>
        (await service.Client.GetFromJsonAsync<JsonElement>(new Uri("/api/heap", UriKind.Relative), Cancelled))
            .GetProperty("regions").GetProperty("count").GetInt64();

    private async Task<T?> PostAsync<T>(string path, byte[] body) => JsonSerializer.Deserialize<T>(await PostBytesAsync(path, body), JsonSerializerOptions.Web);

    private async Task<byte[]> PostBytesAsync(string path, byte[] body)
    {
        using ByteArrayContent content = new(body);
        using HttpResponseMessage response = await service.Client.PostAsync(new Uri(path, UriKind.Relative), content, Cancelled);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsByteArrayAsync(Cancelled);
    }

    // The handler may still be returning when its answer is here already: it is waited for, but not for ever.
    private void AssertAllBack() =>
        Assert.True(SpinWait.SpinUntil(() => service.Heap.GetStatistics().LiveBlocks == 0, TimeSpan.FromSeconds(60)), service.Heap.GetStatistics().ToString());
}
