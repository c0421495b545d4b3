using System;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Documentation;

// That what the documents show compiles, runs, and names every option.
public sealed partial class DocumentationTests
{
    private static readonly string s_root = FindRoot();

    [Theory]
    [InlineData("docs/aspnetcore.md")]
    [InlineData("src/Hakmem.AspNetCore/README.md")]
    public void EveryLineOfShownCodeIsInTheServiceThatIsTested(string document)
    {
        string[] tested = LinesOf(File.ReadAllText(Path.Combine(s_root, "tests/Hakmem.AspNetCore.Tests/Documentation/DocumentedService.cs")));
        string[] shown = [.. CodeBlock().Matches(File.ReadAllText(Path.Combine(s_root, document)))
            .Where(match => match.Groups[1].Value == "csharp").SelectMany(match => LinesOf(match.Groups[2].Value))];
        Assert.NotEmpty(shown);
        Assert.Empty(shown.Except(tested));
    }

    [Fact]
    public void TheShownConfigurationIsAccepted()
    {
        string json = CodeBlock().Matches(File.ReadAllText(Path.Combine(s_root, "docs/aspnetcore.md")))
            .Single(match => match.Groups[1].Value == "json").Groups[2].Value;
        IConfiguration configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
        using ServiceProvider services = new ServiceCollection().AddHakmem(configuration).BuildServiceProvider();
        HakmemServiceOptions options = services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
        Assert.Equal(1 << 30, options.Heap.MaxBytes);
        Assert.Equal(TimeSpan.FromSeconds(30), options.Kestrel.IdleTimeout);
    }

    [Fact]
    public void EveryOptionIsInTheTable()
    {
        string text = File.ReadAllText(Path.Combine(s_root, "docs/aspnetcore.md"));
        Assert.All(typeof(PinnedMemoryPoolOptions).GetProperties(), property => Assert.Contains($"`Kestrel:{property.Name}`", text, StringComparison.Ordinal));
        Assert.All(typeof(HakmemPoolSettings).GetProperties(), property => Assert.Contains($"`Pool:{property.Name}`", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task TheShownServiceWorks()
    {
        await using WebApplication app = DocumentedService.Create(["--urls", "http://127.0.0.1:0"]);
        await app.StartAsync();
        using HttpClient client = new() { BaseAddress = new Uri(app.Urls.Single()) };
        byte[] body = RandomNumberGenerator.GetBytes(200_000);
        using ByteArrayContent content = new(body);
        using HttpResponseMessage response = await client.PostAsync(new Uri("/hash", UriKind.Relative), content);
        Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), await response.Content.ReadAsStringAsync());
        PinnedMemoryPoolStatistics? figures = await client.GetFromJsonAsync<PinnedMemoryPoolStatistics>(new Uri("/memory", UriKind.Relative));
        Assert.True(figures!.Rents > 0);
    }

    private static string[] LinesOf(string text) =>
        text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    [GeneratedRegex(@"^```(\w+)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
