using System;
using System.Linq;
using Hakmem.Documentation.Tests.Blocks;
using Xunit;

namespace Hakmem.Documentation.Tests.FrontDoor;

// The change log has the order of Keep a Changelog: the newest version first, and under each version every kind of
// change once.
public sealed class ChangelogTests
{
    private static readonly string[] s_kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

    private static readonly string[] s_versions =
        [.. Documents.TextOf("CHANGELOG.md").Split("\n## ").Skip(1)];

    [Fact]
    public void VersionsBeginWithWhatIsUnreleased()
    {
        Assert.StartsWith("[Unreleased]\n", s_versions[0], StringComparison.Ordinal);
        Assert.True(s_versions.Length > 1);
        Assert.All(s_versions.Skip(1), version => Assert.Matches(@"^\[[0-9]+\.[0-9]+\.[0-9]+\]", version));
    }

    [Fact]
    public void KindsAreThereOnceAndInOrder() => Assert.All(s_versions, version =>
    {
        string[] kinds = [.. version.Split("\n### ").Skip(1).Select(section => section.Split('\n')[0])];
        Assert.NotEmpty(kinds);
        Assert.Equal(s_kinds.Where(kinds.Contains), kinds);
    });

    [Fact]
    public void EntriesAreSentences() => Assert.All(s_versions, version =>
    {
        string[] entries = [.. version.Split("\n- ").Skip(1).Select(entry => entry.Split("\n\n")[0].Trim())];
        Assert.NotEmpty(entries);
        Assert.All(entries, entry => Assert.True(entry.EndsWith('.'), entry));
    });
}
