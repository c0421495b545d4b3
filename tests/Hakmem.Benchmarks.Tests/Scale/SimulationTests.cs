extern alias scale;

using scale::Hakmem.Scale.Model;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Scale;

// The library's exchange on virtual processors, with every part of a slow path at the same cost: so nothing here
// depends on how fast this machine is.
public sealed class SimulationTests
{
    private const double Nanoseconds = 400_000;
    private const double FastNanoseconds = 3;
    private const double PartNanoseconds = 30;

    [Theory]
    [InlineData("private-64")]
    [InlineData("handover-64")]
    public void ThroughputGrowsWithProcessors(string name)
    {
        double two = Run(name, 2).MillionsPerSecond;
        double eight = Run(name, 8).MillionsPerSecond;
        Assert.InRange(eight / two, 3, 4.2);
    }

    [Fact]
    public void RunIsRepeatable() =>
        Assert.Equal(Run("handover-64", 4).MillionsPerSecond, Run("handover-64", 4).MillionsPerSecond);

    [Fact]
    public void HandOverOnOneProcessorTakesTurns() =>
        Assert.InRange(Run("handover-64", 1).MillionsPerSecond, 50, 1000 / (2 * FastNanoseconds));

    // Work that shares nothing bounds what any number of processors can do.
    [Fact]
    public void WorkBetweenCallsIsInTheTime() =>
        Assert.InRange(Run("handover-64k", 2, 40 * Nanoseconds).MillionsPerSecond, 0.7, 1);

    private static ModelPoint Run(string name, int processors, double nanoseconds = Nanoseconds)
    {
        CostTable costs = new(
            new() { [Simulation.FastTake] = FastNanoseconds, [Simulation.FastPut] = FastNanoseconds }, PartNanoseconds);
        return Simulation.Run(Scenario.Find(name), processors, new Assumptions(), costs, nanoseconds);
    }
}
