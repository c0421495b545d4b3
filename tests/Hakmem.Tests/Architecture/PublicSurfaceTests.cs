using System;
using System.IO;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Architecture;

// That all targets have the same public members. The compiler holds each target to PublicAPI.Unshipped.txt, which is for all, together
// with a file of its own; what is left to check is that these files differ in nothing but in what overrides a member of the framework.
public sealed class PublicSurfaceTests
{
    private const string OverrideKeyword = "override ";

    private static readonly string s_ownFiles = Path.Combine(SourceTree.Library, "PublicAPI");

    [Fact]
    public void TheTargetsDifferOnlyInWhatTheyOverride()
    {
        string[] net = MembersOf("net10.0");
        Assert.Equal(net, MembersOf("net8.0"));
        string[] standard = MembersOf("netstandard2.0");
        Assert.NotEmpty(net);
        Assert.Equal(Bare(net), Bare(standard));
        Assert.All(net, member => Assert.StartsWith(OverrideKeyword + "Hakmem.NativeMemoryStream.", member, StringComparison.Ordinal));
    }

    [Fact]
    public void ThereAreNoFilesOfOtherTargets() =>
        Assert.Equal(["net10.0", "net8.0", "netstandard2.0"], Directory.GetDirectories(s_ownFiles).Select(Path.GetFileName).Order());

    private static string[] MembersOf(string target) =>
    [
        .. File.ReadLines(Path.Combine(s_ownFiles, target, "PublicAPI.Unshipped.txt"))
            .Where(line => line.Length > 0 && !line.StartsWith('#')),
    ];

    private static string[] Bare(string[] members) =>
        [.. members.Select(member => member.Replace(OverrideKeyword, "", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
}
