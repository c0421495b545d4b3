using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// The tool in a container that has the runtime and no SDK, and outside of one whose process it looks into.
public sealed class ContainerTests
{
    [Fact]
    public async Task TheToolInAContainerLooksIntoItsFirstProcess()
    {
        Assert.SkipUnless(Container.Obstacle is null, Container.Obstacle ?? "");
        await using Container container = await Container.StartAsync(TargetPrograms.Heaps);
        Assert.Empty((await container.RunDotNetAsync("--list-sdks")).AssertSucceeded().Output);
        JsonElement row = Assert.Single((await container.RunInsideAsync("ps", "--json")).Json.EnumerateArray());
        Assert.Equal(1, row.GetProperty("pid").GetInt32());
        JsonElement stats = (await container.RunInsideAsync("stats", "1", "--json")).Json;
        Assert.Equal(
            ["shared", "orders"],
            stats.GetProperty("heaps").EnumerateArray().Select(heap => heap.GetProperty("name").GetString()));
        foreach (string command in new[] { "map", "ledger", "top", "trim" })
        {
            string[] more = command == "top" ? ["--count", "1"] : [];
            (await container.RunInsideAsync([command, "1", "--json", .. more])).AssertSucceeded();
        }

        (await container.RunInsideAsync("leaks", "1", "--seconds", "1", "--json")).AssertSucceeded();
        (await container.RunInsideAsync(
            "profile", "1", "--seconds", "1", "-o", "/tmp/inside.pb.gz", "--json")).AssertSucceeded();
    }

    [Fact]
    public async Task TheToolOutsideLooksIntoAContainer()
    {
        Assert.SkipUnless(Container.Obstacle is null, Container.Obstacle ?? "");
        await using Container container = await Container.StartAsync(TargetPrograms.Heaps);
        JsonElement stats = (await ToolRun.OfAsync("stats", container.Pid, "--json")).Json;
        Assert.Equal(2, stats.GetProperty("heaps").GetArrayLength());
        Assert.Contains((await ToolRun.OfAsync("ps", "--json")).Json.EnumerateArray(), row =>
            $"{row.GetProperty("pid")}" == container.Pid);
        JsonElement ledger = (await ToolRun.OfAsync("ledger", container.Pid, "--json")).Json;
        Assert.Contains(ledger.GetProperty("rows").EnumerateArray(), row =>
            row.GetProperty("kind").GetString() == "HakmemRecords");
        string profile = Path.GetTempFileName();
        (await ToolRun.OfAsync(
            "profile", container.Pid, "--seconds", "1", "-o", profile, "--json")).AssertSucceeded();
        File.Delete(profile);

        // It cannot see whether the tool is still there, so it would profile for nobody.
        ToolRun refused = await ToolRun.OfAsync("profile", container.Pid, "--seconds", "90", "-o", profile);
        Assert.Equal((int)ToolError.Refused, refused.ExitCode);
        Assert.Contains("cannot be seen from here", refused.Error, System.StringComparison.Ordinal);
    }
}
