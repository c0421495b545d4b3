using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Documentation.Tests.Blocks;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Documentation.Tests.Links;

// Links between the documents name files, and headings in them, that exist. Addresses outside the repository are not
// tried.
public sealed partial class LinkTests
{
    private static readonly Dictionary<string, HashSet<string>> s_anchors =
        Documents.Files.ToDictionary(file => file, AnchorsOf);

    private static readonly string[] s_links = [.. Documents.Files.SelectMany(LinksOf)];

    public static TheoryData<string> Pages { get; } = [.. Documents.Files];

    [Theory]
    [MemberData(nameof(Pages))]
    public void RelativeLinksNameFilesAndHeadings(string page) =>
        Assert.DoesNotContain(LinksOf(page), link => !IsThere(page, link));

    [Fact]
    public void PagesLinkToHeadingsOfEachOther() =>
        Assert.InRange(s_links.Count(link => link.Contains(".md#", StringComparison.Ordinal)), 11, int.MaxValue);

    [Theory]
    [InlineData("docs/operations.md", "missing.md", false)]
    [InlineData("docs/operations.md", "#no-such-heading", false)]
    [InlineData("docs/operations.md", "security.md#no-such-heading", false)]
    [InlineData("docs/operations.md", "../README.md", true)]
    [InlineData("docs/operations.md", "#settings", true)]
    public void LinkIsFoundIfItsTargetIsThere(string page, string link, bool isThere) =>
        Assert.Equal(isThere, IsThere(page, link));

    private static bool IsThere(string page, string link)
    {
        string[] parts = link.Split('#', 2);
        string target = parts[0].Length == 0
            ? page
            : Path.GetRelativePath(
                SourceTree.Root, Path.Combine(SourceTree.Root, Path.GetDirectoryName(page)!, parts[0]));
        return parts.Length == 1
            ? Path.Exists(Path.Combine(SourceTree.Root, target))
            : s_anchors.TryGetValue(target, out HashSet<string>? anchors) && anchors.Contains(parts[1]);
    }

    private static IEnumerable<string> LinksOf(string page) => ProseOf(page)
        .SelectMany(line => Link().Matches(InlineCode().Replace(line, "")))
        .Select(match => match.Groups[1].Value)
        .Where(link => !link.Contains(':', StringComparison.Ordinal));

    // As the forge makes them: letters, digits, hyphens and underscores in lower case, hyphens for spaces.
    private static HashSet<string> AnchorsOf(string page) =>
        [.. ProseOf(page).Where(line => line.StartsWith('#')).Select(line =>
            NoAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'))];

    private static IEnumerable<string> ProseOf(string page)
    {
        bool isFenced = false;
        foreach (string line in Documents.TextOf(page).Split('\n'))
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                isFenced = !isFenced;
            }
            else if (!isFenced)
            {
                yield return line;
            }
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`[^`\[\]]*`")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NoAnchor();
}
