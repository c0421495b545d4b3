using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Display;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// `map` against heaps of a few SuperSlabs, and of more than a thousand.
public sealed class MapTests
{
    [Fact]
    public async Task TheMapHasEachSuperSlabAndUnit()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        JsonElement map = (await ToolRun.OfAsync("map", target.Pid, "--heap", "orders", "--json")).Json;
        JsonElement heap = Assert.Single(map.GetProperty("heaps").EnumerateArray());
        JsonElement[] slabs = [.. heap.GetProperty("superSlabs").EnumerateArray()];
        Assert.Equal((await target.AskFiguresAsync("second"))["superSlabs"], slabs.Length);
        Assert.All(slabs, slab => Assert.Equal(
            32, slab.GetProperty("units").EnumerateArray().Sum(group => group.GetProperty("count").GetInt32())));
        long blocks = slabs.SelectMany(slab => slab.GetProperty("units").EnumerateArray())
            .Where(group => group.GetProperty("blockBytes").GetInt32() == TargetPrograms.SecondBytes &&
                group.GetProperty("isFirst").GetBoolean())
            .Sum(group => group.GetProperty("count").GetInt64() * group.GetProperty("blocksOut").GetInt64());
        Assert.InRange(blocks, TargetPrograms.SecondBlocks, TargetPrograms.SecondBlocks + 64);
        string[] lines = (await ToolRun.OfAsync("map", target.Pid, "--heap", "orders")).AssertSucceeded().Output.Split(
            '\n');
        Assert.Equal(
            slabs.Length,
            lines.Count(line => line.Contains(" dirty", StringComparison.Ordinal) &&
                !line.StartsWith("Heap", StringComparison.Ordinal) &&
                !line.Contains("live/dirty", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(TargetPrograms.Small, 1)]
    [InlineData(TargetPrograms.Large, TargetPrograms.LargeSlabs)]
    public async Task ThePageNeedsNothingElse(string program, int leastSlabs)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(program);
        string file = Path.Combine(Path.GetTempPath(), $"hakmem-map-{Guid.NewGuid():N}.html");
        try
        {
            JsonElement map = (await ToolRun.OfAsync("map", target.Pid, "--html", file, "--json")).Json;
            Assert.True(map.GetProperty("heaps")
                .EnumerateArray().Max(heap => heap.GetProperty("superSlabs").GetArrayLength()) >= leastSlabs);
            PageCheck.AssertSelfContained(await File.ReadAllTextAsync(file), leastSlabs);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
