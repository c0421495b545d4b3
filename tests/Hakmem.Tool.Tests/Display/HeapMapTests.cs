using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Commands;
using Hakmem.Tool.Display;
using Xunit;

namespace Hakmem.Tool.Tests.Display;

// The heap map of made data: from none to thousands of SuperSlabs.
public sealed class HeapMapTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(TerminalMap.MaxLines)]
    [InlineData(TerminalMap.MaxLines + 1)]
    [InlineData(5_000)]
    [InlineData(100_000)]
    public void LinesInTheTerminalAreFew(int slabs)
    {
        string[] lines = [.. TerminalMap.LinesOf(MapOf(slabs).Heaps[0], width: 160)];
        Assert.InRange(lines.Length, slabs == 0 ? 0 : 2, TerminalMap.MaxLines + 1);
        Assert.All(lines, line => Assert.InRange(line.Length, 1, 120));
    }

    // A line of a SuperSlab goes on in the next one where it has no room, between its parts; no unit is lost.
    [Theory]
    [InlineData(30)]
    [InlineData(40)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(160)]
    public void NoLineIsWiderThanTheTerminal(int width)
    {
        SlabAnswer run = Read("""["7f0000000000",1,12345,1073741000,"32*4:1"]""");
        HeapMapAnswer few = new() { SuperSlabs = [run, .. MapOf(2).Heaps[0].SuperSlabs] };
        string text = string.Concat(TerminalMap.LinesOf(few, width));
        Assert.All(TerminalMap.LinesOf(few, width), line => Assert.InRange(line.Length, 1, width));
        Assert.True(text.Count(character => character == 'L') >= 32, text);
        Assert.Contains("large, 12345", text, StringComparison.Ordinal);
        Assert.All(
            TerminalMap.LinesOf(MapOf(5_000).Heaps[0], width), line => Assert.InRange(line.Length, 1, width));
    }

    [Fact]
    public void AUnitHasACharacter()
    {
        SlabAnswer slab = Read(
            """["7f0000000000",0,0,4096,""" +
            "\"1*2:1:16:4096:4096 1*2:1:64:1024:1 2*2:0:64:1024:0 4*3:1 8*0:0 15*1:0 1*6:1\"]");
        HeapMapAnswer heap = new() { SuperSlabs = [slab] };
        string line = TerminalMap.LinesOf(heap, width: 160).First();
        Assert.StartsWith("    7f0000000000  █░░░GGGG········---------------X", line, StringComparison.Ordinal);
        Assert.Contains("4 KiB dirty", line, StringComparison.Ordinal);
    }

    // Whether it is a unit's or a SuperSlab's.
    [Theory]
    [InlineData(0, '░')]
    [InlineData(1, '░')]
    [InlineData(400, '▒')]
    [InlineData(999, '▓')]
    [InlineData(1_000, '█')]
    public void OnlyWhatIsFullHasTheFullCharacter(int blocksOut, char expected)
    {
        SlabAnswer slab = Read($"""["7f0000000000",0,0,4096,"32*2:1:16:1000:{blocksOut}"]""");
        HeapMapAnswer few = new() { SuperSlabs = [slab] };
        Assert.Equal(new string(expected, 32), TerminalMap.LinesOf(few, width: 160).First().Substring(18, 32));
        HeapMapAnswer many = new() { SuperSlabs = [.. Enumerable.Repeat(slab, TerminalMap.MaxLines + 1)] };
        Assert.Equal(blocksOut == 0 ? '·' : expected, TerminalMap.LinesOf(many, width: 160).First()[18]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4_000)]
    public void ThePageNeedsNothingElse(int slabs)
    {
        using MemoryStream stream = new();
        HtmlMap.Write(stream, "1 </script><script src='http://x'>", MapOf(slabs));
        string page = Encoding.UTF8.GetString(stream.ToArray());
        Assert.DoesNotContain("</script><script", page, StringComparison.Ordinal);
        Assert.Contains("\"slabBytes\":4194304,\"unitBytes\":131072", page, StringComparison.Ordinal);
        PageCheck.AssertSelfContained(page.Replace("http://x", "", StringComparison.Ordinal)
            .Replace(" src=", "", StringComparison.Ordinal), slabs);
    }

    [Fact]
    public void ANameInTheDataEndsNoScript()
    {
        MapAnswer answer = MapOf(1) with { Heaps = [MapOf(1).Heaps[0] with { Name = "</script>\u2028" }] };
        using MemoryStream stream = new();
        HtmlMap.Write(stream, "1", answer);
        string page = Encoding.UTF8.GetString(stream.ToArray());
        Assert.Equal(1, page.Split("</script>").Length - 1);
        PageCheck.AssertSelfContained(page, 1);
    }

    [Theory]
    [InlineData("""["7f",0,0,1]""")]
    [InlineData("""["7f",0,0,1,"x"]""")]
    [InlineData("""["7f",0,0,1,"1*2"]""")]
    public void AWrongSuperSlabIsAnError(string json) => Assert.Throws<JsonException>(() => Read(json));

    [Fact]
    public void WhatIsLiveOfWhatIsDirtyIsAShare()
    {
        Assert.Equal(0.25, new ClassAnswer(64, 1_024, 0, 1, 262_144, 262_144).LiveOverDirty);
        Assert.Null(new ClassAnswer(64, 0, 0, 1, 65_536, 0).LiveOverDirty);
        Assert.Equal(0.5, new HeapAnswer { LiveBytes = 5, DirtyBytes = 10 }.LiveOverDirty);
    }

    private static SlabAnswer Read(string json) => JsonSerializer.Deserialize<SlabAnswer>(json, CommandBase.JsonLine)!;

    private static MapAnswer MapOf(int slabs)
    {
        UnitGroup[] units = [new(16, UnitKind.Span, true, 1_024, 64, 40), new(16, UnitKind.FreeClean, false, 0, 0, 0)];
        IEnumerable<SlabAnswer> all = Enumerable.Range(0, slabs).Select(i => new SlabAnswer(
            (0x7F00_0000_0000L + (i * (2L << 20))).ToString("x"), SuperSlabKind.Spans, 0, 1 << 20, units));
        return new MapAnswer { Heaps = [new HeapMapAnswer { Name = "made", SuperSlabBytes = 4 << 20,
            UnitBytes = 128 << 10, SuperSlabs = [.. all] }] };
    }
}
