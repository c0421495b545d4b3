using System;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Documentation;

// That the configuration which docs/aspnetcore.md shows is understood, and that its table has every option. (Its code is run with that of all
// other documents, in tests/Hakmem.Documentation.Tests.)
public sealed partial class DocumentationTests
{
    private static readonly string s_page = File.ReadAllText(Path.Combine(FindRoot(), "docs/aspnetcore.md"));

    [Fact]
    public void TheShownConfigurationIsAccepted()
    {
        string json = JsonBlock().Match(s_page).Groups[1].Value;
        IConfiguration configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
        using ServiceProvider services = new ServiceCollection().AddHakmem(configuration).BuildServiceProvider();
        HakmemServiceOptions options = services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
        Assert.Equal(1 << 30, options.Heap.MaxBytes);
        Assert.Equal(TimeSpan.FromSeconds(30), options.Kestrel.IdleTimeout);
    }

    [Fact]
    public void EveryOptionIsInTheTable()
    {
        Assert.All(typeof(PinnedMemoryPoolOptions).GetProperties(), property => Assert.Contains($"`Kestrel:{property.Name}`", s_page, StringComparison.Ordinal));
        Assert.All(typeof(HakmemPoolSettings).GetProperties(), property => Assert.Contains($"`Pool:{property.Name}`", s_page, StringComparison.Ordinal));
    }

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    [GeneratedRegex(@"^```json\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
