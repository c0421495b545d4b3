using Xunit;

namespace Hakmem.Tests.Children;

// What the kernel says, as opposed to what the heap's own figures say.
public sealed class ResidentSetTests
{
    private const long MiB = 1L << 20;

    [Theory]
    [InlineData("1")]
    [InlineData("4")]
    public void TheResidentSetFallsBackAfterABurst(string threads)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.ResidentSet, [threads]);
        child.AssertSucceeded();
        long start = child.Figure("start");
        Assert.True(child.Figure("peak") >= start + (240 * MiB), child.Output);
        Assert.True(child.Figure("end") <= start + (32 * MiB), child.Output);
    }

    [Fact]
    public void ABurstOnThreadsThatThenSleepComesBackByItself()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Decay);
        child.AssertSucceeded();
        long burst = child.Figure("peak") - child.Figure("start");
        Assert.True(burst >= 1_000 * MiB, child.Output);
        Assert.True(child.Figure("end") - child.Figure("start") <= burst / 20, child.Output);
    }
}
