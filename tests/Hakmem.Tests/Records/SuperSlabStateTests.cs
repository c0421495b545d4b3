using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Tests.Records;

// The arrows between the states of a SuperSlab.
public sealed partial class SuperSlabStateTests
{
    private static readonly Type[] s_actors = [typeof(SuperSlabCache), typeof(UnitAllocator), typeof(RunAllocator)];

    [Fact]
    public void EachArrowNamesMethodsThatExist()
    {
        string source = File.ReadAllText(Path.Combine(SourceTree.Library, "Records", "SuperSlabState.cs"));
        Match[] arrows = [.. Arrow().Matches(source).Cast<Match>()];
        Assert.Equal(Enumerable.Range(1, 12), arrows.Select(arrow => int.Parse(arrow.Groups["number"].Value, CultureInfo.InvariantCulture)));
        foreach (Match arrow in arrows)
        {
            Type actor = s_actors.Single(type => type.Name == arrow.Groups["type"].Value);
            foreach (string method in arrow.Groups["methods"].Value.Split(", "))
            {
                const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
                Assert.Contains(method, actor.GetMethods(Any).Select(member => member.Name));
            }
        }
    }

    [Fact]
    public void SetStateFollowsAnArrow()
    {
        SuperSlabHeader header = default;
        header.SetState(SuperSlabState.Untaken, SuperSlabState.Cached);
        header.SetState(SuperSlabState.Cached, SuperSlabState.Purging);
        Assert.Equal(SuperSlabState.Purging, header.State);
    }

#if DEBUG
    [Fact]
    public void SetStateFromAnotherStateFails()
    {
        SuperSlabHeader header = default;
        Exception? failure = Record.Exception(() => header.SetState(SuperSlabState.Spans, SuperSlabState.Cached));
        Assert.Contains("Untaken", failure?.Message, StringComparison.Ordinal);
    }
#endif

    [GeneratedRegex(@"^// +(?<number>\d+) .*-> \w+ +(?<type>\w+)\.(?<methods>\w+(, \w+)*)", RegexOptions.Multiline)]
    private static partial Regex Arrow();
}
