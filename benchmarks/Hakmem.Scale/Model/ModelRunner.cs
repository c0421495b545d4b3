using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Scale.Model;

/// <summary>Runs all scenarios of the model, and on real threads.</summary>
internal static class ModelRunner
{
    // Until the first slow paths are compiled and the depots have blocks.
    private const int LearningRounds = 6;
    private const long RealBlocks = 600_000;
    private const long RealBlocksWithWork = 50_000;

    /// <summary>The numbers of processors that are simulated.</summary>
    public static IReadOnlyList<int> Processors { get; } = [1, 2, 4, 8, 16, 32, 64, 128];

    /// <summary>Measures the parts of a scenario's paths, with two threads.</summary>
    public static CostTable Learn(Scenario scenario, Assumptions assumptions)
    {
        CostTable[] rounds = [.. Enumerable.Range(0, LearningRounds).Select(_ => Simulation.Learn(
            scenario, 2, assumptions, new CostTable([]), ModelProcess.NanosecondsFor(scenario)))];

        // What other programs do can only make a round slower; the first compiles.
        Dictionary<string, double> least = [];
        foreach ((string part, double nanoseconds) in rounds.Skip(1).SelectMany(round => round.Nanoseconds))
        {
            least[part] = Math.Min(nanoseconds, least.GetValueOrDefault(part, double.MaxValue));
        }

        return new CostTable(least);
    }

    /// <summary>Simulates a scenario on each number of processors.</summary>
    public static IReadOnlyList<ModelPoint> Run(Scenario scenario, CostTable costs, Assumptions assumptions)
    {
        ModelPoint[] points = [.. Processors.Select(count => ModelProcess.Run(
            new ModelOrder(scenario.Name, count, assumptions, costs.Nanoseconds)))];
        return WithPercent(points, whole: scenario.IsHandOver ? 2 : 1);
    }

    /// <summary>Simulates one queue under one lock.</summary>
    public static IReadOnlyList<ModelPoint> RunSingleQueue(Assumptions assumptions)
    {
        double call = SingleQueue.MeasureNanoseconds();
        ModelPoint[] points = [.. Processors.Select(count => new ModelPoint
        {
            Scenario = "single-queue",
            Processors = count,
            MillionsPerSecond = SingleQueue.Run(count, call, assumptions),
            WaitedPercent = [],
        })];
        return WithPercent(points, whole: 1);
    }

    /// <summary>Runs a scenario on real threads, and on as many simulated ones with this machine's costs.</summary>
    public static IEnumerable<RealPoint> Compare(Scenario scenario, CostTable costs, Assumptions assumptions)
    {
        long blocks = scenario.WorkNanoseconds > 0 ? RealBlocksWithWork : RealBlocks;
        for (int threads = 1; threads <= Environment.ProcessorCount; threads *= 2)
        {
            double real = RealRun.Measure(scenario, threads, blocks);
            Assumptions used = threads == 1
                ? assumptions
                : LineCosts.Measure(assumptions) with { Slowdown = RealRun.MeasureSlowdown(threads) };
            ModelPoint model = Simulation.Run(
                scenario, threads, used, costs, ModelProcess.NanosecondsFor(scenario));
            yield return new RealPoint(scenario.Name, threads, real, model.MillionsPerSecond, used);
        }
    }

    private static IReadOnlyList<ModelPoint> WithPercent(ModelPoint[] points, int whole)
    {
        double ideal = points.First(point => point.Processors == whole).MillionsPerSecond / whole;
        return [.. points.Select(point => point with
        {
            PercentOfIdeal = 100 * point.MillionsPerSecond / point.Processors / ideal,
            PercentOfOne = 100 * point.MillionsPerSecond / point.Processors / points[0].MillionsPerSecond,
        })];
    }
}
