using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// A process in a control group whose memory limit it runs into. Alone, since all here use one group's name, and touch half a gigabyte.
[Collection(AloneCollection.Name)]
public sealed class MemoryGroupTests
{
    private const long Limit = 512L << 20;
    private const int Threads = 4;

    [Fact]
    [Needs(SystemNeed.Linux, SystemNeed.Proc)]
    public void RunningIntoAContainersLimitIsRefusedAndRecovers()
    {
        using MemoryGroup? group = MemoryGroup.TryCreate(Limit, out string reason);
        Assert.SkipWhen(group is null, reason);
        ChildResult child = ChildProcess.Run(ChildScenarios.MemoryGroup, group: group);
        child.AssertSucceeded();
        for (int round = 0; round < 2; round++)
        {
            Assert.Equal(Threads, child.Figure($"refusals{round}"));
            Assert.Equal(0, child.Figure($"live{round}"));
            Assert.InRange(child.Figure($"bytes{round}"), Limit / 2, Limit * 3 / 4);
        }
    }

    // What the other test would be worth where the kernel did not kill.
    [Fact]
    [Needs(SystemNeed.Linux, SystemNeed.Proc)]
    public void WithTheLimitIgnoredTheKernelKills()
    {
        using MemoryGroup? group = MemoryGroup.TryCreate(Limit, out string reason);
        Assert.SkipWhen(group is null, reason);
        Dictionary<string, string> ignored = new() { ["HAKMEM_CONTAINER_LIMIT_PERCENT"] = "0" };
        Assert.Equal(MemoryGroup.KilledExitCode, ChildProcess.Run(ChildScenarios.MemoryGroup, environment: ignored, group: group).ExitCode);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("101")]
    [InlineData("much")]
    public void APercentageThatIsNoneIsAnErrorThatNamesIt(string text)
    {
        Dictionary<string, string> environment = new() { ["HAKMEM_CONTAINER_LIMIT_PERCENT"] = text };
        ChildResult child = ChildProcess.Run(ChildScenarios.MemoryGroup, environment: environment);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("HAKMEM_CONTAINER_LIMIT_PERCENT", child.Error, System.StringComparison.Ordinal);
    }
}
