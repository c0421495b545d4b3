extern alias scale;

using System;
using System.Linq;
using scale::Hakmem.Scale.Model;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Scale;

// The library's exchange on virtual processors, with every part of a path at the same cost: so nothing here depends on
// how fast this machine is.
public sealed class SimulationTests
{
    private const double Nanoseconds = 400_000;

    [Theory]
    [InlineData("private-64")]
    [InlineData("handover-64")]
    public void ThroughputGrowsWithProcessors(string name)
    {
        Scenario scenario = Scenario.Find(name);
        CostTable costs = FlatCosts(scenario);
        double two = Run(scenario, 2, costs).MillionsPerSecond;
        double eight = Run(scenario, 8, costs).MillionsPerSecond;
        Assert.InRange(eight / two, 3, 4.4);
    }

    [Fact]
    public void RunIsRepeatable()
    {
        Scenario scenario = Scenario.Find("handover-64");
        CostTable costs = FlatCosts(scenario);
        Assert.Equal(Run(scenario, 4, costs).MillionsPerSecond, Run(scenario, 4, costs).MillionsPerSecond);
    }

    [Fact]
    public void HandOverOnOneProcessorTakesTurns()
    {
        Scenario scenario = Scenario.Find("handover-64");
        CostTable costs = FlatCosts(scenario);
        double one = Run(scenario, 1, costs).MillionsPerSecond;
        Assert.InRange(one, 1, 1000.0 / (2 * FastNanoseconds));
    }

    private const double FastNanoseconds = 3;
    private const double PartNanoseconds = 30;

    private static ModelPoint Run(Scenario scenario, int processors, CostTable costs) =>
        Simulation.Run(scenario, processors, new Assumptions(), costs, Nanoseconds);

    // The names of the parts come from a run.
    private static CostTable FlatCosts(Scenario scenario)
    {
        CostTable names = new([]);
        foreach (int processors in (int[])[1, 2, 4, 8])
        {
            names = Simulation.Learn(scenario, processors, new Assumptions(), names, Nanoseconds);
        }

        return new CostTable(names.Nanoseconds.Keys.ToDictionary(
            part => part,
            part => part.StartsWith("fast", StringComparison.Ordinal) ? FastNanoseconds : PartNanoseconds));
    }
}
