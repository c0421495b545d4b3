using System;
using System.IO;
using System.Net.Http;
using System.Threading.Tasks;
using Hakmem.Samples;

namespace Hakmem.WebService;

// The same requests to the running service with native and with managed buffers. Client and server are one process, so that what the client costs is in
// both columns.
internal static class Comparison
{
    public const int DefaultRequests = 20;

    private const int Rounds = 3;
    private const int UploadBytes = 8 << 20;
    private const int PictureSide = 1_400;
    private const int Rows = 50_000;

    public static async Task RunAsync(Uri service, int requests, TextWriter output)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(requests);
        using HttpClient client = new() { BaseAddress = service };
        byte[] upload = new byte[UploadBytes];
        new Random(1).NextBytes(upload);
        byte[] picture = new byte[PpmPicture.FileBytes(PictureSide, PictureSide)];
        PpmPicture.Generate(PictureSide, PictureSide, picture);

        Contest[] contests =
        [
            Compare($"{requests} uploads of {UploadBytes >> 20} MiB, hashed", "MemoryStream", requests, way => PostAsync(client, $"/upload?way={way}", upload)),
            Compare(
                $"{requests} pictures of {PictureSide} x {PictureSide} made smaller",
                "new arrays",
                requests,
                way => PostAsync(client, $"/thumbnail?way={way}", picture)),
            Compare(
                $"{requests} exports of {Rows} rows of JSON", "objects and one array", requests, way => GetAsync(client, $"/export?rows={Rows}&way={way}")),
        ];
        foreach (Contest contest in contests)
        {
            await contest.RunAsync();
            contest.Print(output);
        }
    }

    private static Contest Compare(string title, string managedWay, int requests, Func<string, Task> request) => new Contest(title, Rounds)
        .Add("native buffers", () => RepeatAsync(requests, () => request("native")))
        .Add(managedWay, () => RepeatAsync(requests, () => request("managed")));

    private static async Task RepeatAsync(int requests, Func<Task> request)
    {
        for (int i = 0; i < requests; i++)
        {
            await request();
        }
    }

    private static async Task PostAsync(HttpClient client, string path, byte[] body)
    {
        using ByteArrayContent content = new(body);
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = content };
        await DrainAsync(client, request);
    }

    private static async Task GetAsync(HttpClient client, string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        await DrainAsync(client, request);
    }

    // Reads the answer without keeping it.
    private static async Task DrainAsync(HttpClient client, HttpRequestMessage request)
    {
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        using Stream body = await response.Content.ReadAsStreamAsync();
        await body.CopyToAsync(Stream.Null);
    }
}
