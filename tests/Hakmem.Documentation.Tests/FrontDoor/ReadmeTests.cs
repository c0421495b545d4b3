using System;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Hakmem.Documentation.Tests.Blocks;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Documentation.Tests.FrontDoor;

// The README stays short, and its badges say what the projects say.
public sealed partial class ReadmeTests
{
    private const int MaxLines = 80;
    private const string Badge = "https://img.shields.io/badge/";

    private static readonly string s_text = Documents.TextOf("README.md");

    [Fact]
    public void ReadmeIsShort() => Assert.InRange(s_text.TrimEnd().Split('\n').Length, 1, MaxLines);

    [Fact]
    public void FirstCommandAddsThePackage() =>
        Assert.Equal("dotnet add package Hakmem", Documents.BlocksOf("README.md", s_text)[0].Text.Split('\n')[0]);

    [Fact]
    public void LicenseBadgeNamesThePackagesLicense()
    {
        string license = Property("Directory.Build.props", "PackageLicenseExpression");
        Assert.Equal($"license-{license}-blue", Message("license"));
    }

    [Fact]
    public void TargetsBadgeNamesThePackagesTargets()
    {
        string[] targets = Property("src/Hakmem/Hakmem.csproj", "TargetFrameworks").Split(';');
        Assert.Equal($"targets-{string.Join(" | ", targets)}-blue", Message("targets"));
    }

    // The systems whose job runs a script that runs here too. macOS has no such script: nobody has seen the tests pass
    // there.
    [Fact]
    public void PlatformBadgeNamesWhereTheTestsRun()
    {
        string[] tested = [.. WorkflowJob.All
            .Where(job => job.Commands.Any(
                command => command.Script is ".ci/run" ||
                    command.Script?.StartsWith("eng/test-", StringComparison.Ordinal) == true))
            .Select(job => job.Name.Replace("-", "--", StringComparison.Ordinal))];
        Assert.Equal($"platforms-{string.Join(" | ", tested)}-blue", Message("platforms"));
    }

    [Fact]
    public void CiBadgeNamesAWorkflowOfTheRepository()
    {
        string repository = Regex.Escape(Property("Directory.Build.props", "RepositoryUrl"));
        Match badge = Regex.Match(s_text, $@"!\[CI\]\({repository}/actions/workflows/([a-z]+\.yml)/badge\.svg\)");
        Assert.True(badge.Success);
        Assert.True(File.Exists(Path.Combine(SourceTree.Root, ".github", "workflows", badge.Groups[1].Value)));
    }

    [Fact]
    public void NoOtherBadgeIsThere() => Assert.Equal(3, BadgeMessage().Count(s_text));

    // What a badge of this label says, in shields.io's terms: label, message, colour.
    private static string Message(string label) => BadgeMessage().Matches(s_text)
        .Select(match => Uri.UnescapeDataString(match.Groups[1].Value))
        .Single(message => message.StartsWith(label + "-", StringComparison.Ordinal));

    // The only value of a property in a file of MSBuild's.
    private static string Property(string file, string name) => XDocument.Load(Path.Combine(SourceTree.Root, file))
        .Descendants(name).Single().Value;

    [GeneratedRegex(@"!\[[^\]]*\]\(" + Badge + @"([^)]*)\)")]
    private static partial Regex BadgeMessage();
}
