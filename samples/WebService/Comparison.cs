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
    private const int Rounds = 3;
    private const int Requests = 20;
    private const int UploadBytes = 8 << 20;
    private const int PictureSide = 1_400;
    private const int Rows = 50_000;

    public static async Task RunAsync(Uri service, TextWriter output)
    {
        using HttpClient client = new() { BaseAddress = service };
        byte[] upload = new byte[UploadBytes];
        new Random(1).NextBytes(upload);
        byte[] picture = new byte[PpmPicture.FileBytes(PictureSide, PictureSide)];
        PpmPicture.Generate(PictureSide, PictureSide, picture);

        await CompareAsync($"{Requests} uploads of {UploadBytes >> 20} MiB, hashed", "MemoryStream", way => PostAsync(client, $"/upload?way={way}", upload), output);
        await CompareAsync($"{Requests} pictures of {PictureSide} x {PictureSide} made smaller", "new arrays", way => PostAsync(client, $"/thumbnail?way={way}", picture), output);
        await CompareAsync($"{Requests} exports of {Rows} rows of JSON", "objects and one array", way => GetAsync(client, $"/export?rows={Rows}&way={way}"), output);
    }

    private static async Task CompareAsync(string title, string managedWay, Func<string, Task> request, TextWriter output)
    {
        Contest contest = await new Contest(title, Rounds)
            .Add("native buffers", () => RepeatAsync(() => request("native")))
            .Add(managedWay, () => RepeatAsync(() => request("managed")))
            .RunAsync();
        contest.Print(output);
    }

    private static async Task RepeatAsync(Func<Task> request)
    {
        for (int i = 0; i < Requests; i++)
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
