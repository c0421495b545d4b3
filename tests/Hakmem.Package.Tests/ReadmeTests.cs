using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Package.Tests;

// A README in a package is read where the repository is not: its addresses say all, and lead to what is in the
// repository.
public sealed partial class ReadmeTests
{
    private const string Pages = "https://github.com/hakmem/hakmem/blob/main/";
    private const string Pictures = "https://raw.githubusercontent.com/hakmem/hakmem/main/";

    private static readonly string[] s_badges =
        ["https://img.shields.io/badge/", "https://github.com/hakmem/hakmem/actions/workflows/"];

    [Theory]
    [InlineData(PackageFile.Core)]
    [InlineData(PackageFile.AspNetCore)]
    [InlineData(PackageFile.Arrow)]
    [InlineData(PackageFile.ImageSharp)]
    [InlineData(PackageFile.BenchmarkDotNet)]
    [InlineData(PackageFile.Tool)]
    public void ReadmeInAPackageHasNoRelativeAddress(string package)
    {
        string[] addresses = [.. AddressesIn(package)];
        Assert.NotEmpty(addresses);
        Assert.All(addresses, address => Assert.StartsWith("https://", address, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(PackageFile.Core)]
    [InlineData(PackageFile.AspNetCore)]
    [InlineData(PackageFile.Arrow)]
    [InlineData(PackageFile.ImageSharp)]
    [InlineData(PackageFile.BenchmarkDotNet)]
    [InlineData(PackageFile.Tool)]
    public void ReadmeInAPackageLeadsToWhatThereIs(string package)
    {
        string[] ours = [.. AddressesIn(package).Where(address => StartsWithAny(address, Pages, Pictures))];
        Assert.NotEmpty(ours);
        Assert.All(ours, address =>
        {
            string path = address.Replace(Pages, "", StringComparison.Ordinal).Replace(Pictures, "", StringComparison.Ordinal).Split('#')[0];
            Assert.True(File.Exists(Path.Combine(SourceTree.Root, path)) || Directory.Exists(Path.Combine(SourceTree.Root, path)), address);
        });
    }

    // A page about a picture is no picture. Badges are drawn where they are shown.
    [Fact]
    public void PictureInTheReadmeIsTheFileItself()
    {
        string[] all = [.. Picture().Matches(TextOf(PackageFile.Core)).Select(match => match.Groups[1].Value)];
        string[] pictures = [.. all.Where(address => !StartsWithAny(address, s_badges))];
        Assert.NotEmpty(pictures);
        Assert.All(pictures, address => Assert.StartsWith(Pictures, address, StringComparison.Ordinal));
    }

    [Fact]
    public void ReadmeInThePackageDiffersInItsAddressesOnly()
    {
        string written = File.ReadAllText(Path.Combine(SourceTree.Root, "README.md"));
        string packed = TextOf(PackageFile.Core).Replace(Pages, "", StringComparison.Ordinal).Replace(Pictures, "", StringComparison.Ordinal);
        Assert.Equal(written.Replace(Pages, "", StringComparison.Ordinal).Replace(Pictures, "", StringComparison.Ordinal), packed);
    }

    private static bool StartsWithAny(string address, params string[] starts) =>
        starts.Any(start => address.StartsWith(start, StringComparison.Ordinal));

    private static string TextOf(string package) => Encoding.UTF8.GetString(PackageFile.Read(package, "README.md").AsSpan());

    // Of links, pictures, definitions of links, and of HTML.
    private static IEnumerable<string> AddressesIn(string package) =>
        Address().Matches(TextOf(package)).Select(match => match.Groups.Values.Skip(1).Single(group => group.Success).Value);

    [GeneratedRegex("""\]\(([^)\s]*)|^\[[^\]]+\]:\s*(\S+)|(?:href|src)\s*=\s*["']([^"']*)""", RegexOptions.Multiline)]
    private static partial Regex Address();

    [GeneratedRegex("""!\[[^\]]*\]\(([^)\s]*)""")]
    private static partial Regex Picture();
}
