using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Architecture;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// The tool as people get it: out of its package, against the sample service under load. The package is that of the
// directory that HAKMEM_TEST_FEED names, or is made here of what was built.
public sealed class InstalledToolTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private readonly string _folder = Directory.CreateTempSubdirectory("hakmem-installed").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task TheInstalledToolLooksIntoTheSampleServiceUnderLoad()
    {
        string[] tool = [await InstallAsync()];
        using Process service = StartService(out Task<string> address);
        using CancellationTokenSource ended = new();
        try
        {
            using (HttpClient first = new() { BaseAddress = new Uri(await address) })
            {
                // From here on the service has a heap.
                using HttpResponseMessage response = await first.PostAsync(
                    "/upload", new ByteArrayContent(new byte[200_000]));
            }

            Task load = LoadAsync(await address, ended.Token);
            string pid = service.Id.ToString(CultureInfo.InvariantCulture);
            JsonElement stats = (await ToolRun.OfAsync(tool, ["stats", pid, "--json"])).Json;
            Assert.True(stats.GetProperty("heaps")[0].GetProperty("committedBytes").GetInt64() > 0);
            JsonElement ledger = (await ToolRun.OfAsync(tool, ["ledger", pid, "--json"])).Json;
            Assert.Contains(ledger.GetProperty("rows").EnumerateArray(), row =>
                row.GetProperty("kind").GetString() == "HakmemRecords");
            string profile = Path.Combine(_folder, "profile.pb.gz");
            JsonElement profiled = (await ToolRun.OfAsync(
                tool, ["profile", pid, "--seconds", "3", "--mean-bytes", "16384", "--by", "allocated", "-o", profile,
                    "--json"])).Json;
            Assert.Contains(profiled.GetProperty("functions").EnumerateArray(), row =>
                row.GetProperty("function").GetString()!.StartsWith("Hakmem.WebService.", StringComparison.Ordinal));
            Assert.True(File.Exists(profile));
            Assert.True((await ToolRun.OfAsync(tool, ["map", pid, "--json"])).Json.GetProperty("heaps")[0]
                .GetProperty("superSlabs").GetArrayLength() > 0);
            (await ToolRun.OfAsync(tool, ["leaks", pid, "--seconds", "1", "--json"])).AssertSucceeded();
            (await ToolRun.OfAsync(tool, ["top", pid, "--count", "2", "--json"])).AssertSucceeded();
            (await ToolRun.OfAsync(tool, ["trim", pid, "--json"])).AssertSucceeded();
            Assert.Contains((await ToolRun.OfAsync(tool, ["ps", "--json"])).Json.EnumerateArray(), row =>
                $"{row.GetProperty("pid")}" == pid);
            await ended.CancelAsync();
            await load;
        }
        finally
        {
            service.Kill();
            await service.WaitForExitAsync();
        }
    }

    private async Task<string> InstallAsync()
    {
        string feed = Environment.GetEnvironmentVariable("HAKMEM_TEST_FEED") is { Length: > 0 } given
            ? Path.GetFullPath(given, SourceTree.Root)
            : Path.Combine(_folder, "feed");
        if (!Directory.Exists(feed) || Directory.GetFiles(feed, "Hakmem.Tool.*.nupkg").Length == 0)
        {
            await RunAsync("dotnet", "pack", Path.Combine(SourceTree.Root, "src", "Hakmem.Tool"), "-c", Configuration,
                "--no-build", "-o", feed);
        }

        string package = Assert.Single(Directory.GetFiles(feed, "Hakmem.Tool.*.nupkg"));
        string version = Path.GetFileNameWithoutExtension(package)["Hakmem.Tool.".Length..];
        string settings = Path.Combine(_folder, "nuget.config");
        await File.WriteAllTextAsync(
            settings,
            "<configuration><packageSources><clear />" +
            $"""<add key="feed" value="{feed}" /></packageSources></configuration>""");
        string tools = Path.Combine(_folder, "tools");
        await RunAsync(
            "dotnet", "tool", "install", "Hakmem.Tool", "--version", version, "--tool-path", tools, "--configfile",
            settings, "--no-cache");
        return Path.Combine(tools, "hakmem");
    }

    // As the tests were built.
    private static string Configuration =>
        AppContext.BaseDirectory.Contains(
            $"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            ? "Release"
            : "Debug";

    private static Process StartService(out Task<string> address)
    {
        string program = Path.Combine(
            SourceTree.Root, "samples", "WebService", "bin", Configuration, "net10.0", "Hakmem.WebService.dll");
        ProcessStartInfo start = new("dotnet",
            [program, "--urls", "http://127.0.0.1:0", "--profile", "false"]) { RedirectStandardOutput = true };
        Process service = Process.Start(start)!;
        address = ReadAddressAsync(service);
        return service;
    }

    private static async Task<string> ReadAddressAsync(Process service)
    {
        const string Start = "The dashboard is at ";
        while (await service.StandardOutput.ReadLineAsync().WaitAsync(s_limit) is { } line)
        {
            if (line.StartsWith(Start, StringComparison.Ordinal))
            {
                return line[Start.Length..].Split(' ')[0];
            }
        }

        throw new InvalidOperationException("The service ended.");
    }

    // Requests whose buffers are Hakmem's, one after the other on four connections.
    private static async Task LoadAsync(string address, CancellationToken ended)
    {
        using HttpClient client = new() { BaseAddress = new Uri(address) };
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            byte[] body = new byte[200_000];
            while (!ended.IsCancellationRequested)
            {
                using HttpResponseMessage response = await client.PostAsync(
                    "/upload", new ByteArrayContent(body), CancellationToken.None);
                using HttpResponseMessage export = await client.GetAsync("/export?rows=500", CancellationToken.None);
            }
        }));
    }

    private static async Task RunAsync(string program, params string[] args)
    {
        ProcessStartInfo start = new(program, args) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)}\n{await output}\n{await error}");
    }
}
