using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Scale.Model;

/// <summary>Runs all scenarios of the model, and on real threads.</summary>
internal static class ModelRunner
{
    // Until the first slow paths are compiled and the depots have blocks.
    private const int LearningRounds = 12;
    private const int LearningRoundsOfTurn = 4;
    private const int Turns = 15;
    private const long RealBlocks = 300_000;
    private const long RealBlocksWithWork = 10_000;

    /// <summary>The numbers of processors that are simulated.</summary>
    public static IReadOnlyList<int> Processors { get; } = [1, 2, 4, 8, 16, 32, 64, 128];

    /// <summary>Measures the parts of a scenario's paths, as they are with so many threads.</summary>
    public static CostTable Learn(
        Scenario scenario, Assumptions assumptions, int processors = 2, int rounds = LearningRounds)
    {
        CostTable[] learnt = [.. Enumerable.Range(0, rounds).Select(_ => Simulation.Learn(
            scenario, processors, assumptions, new CostTable([]), ModelProcess.NanosecondsFor(scenario)))];

        // What other programs do can only make a round slower; the first compiles.
        Dictionary<string, double> least = [];
        foreach ((string part, double nanoseconds) in learnt.Skip(1).SelectMany(round => round.Nanoseconds))
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

    /// <summary>
    /// Runs a scenario on real threads, and on as many simulated ones with this machine's costs. Both several times by
    /// turns, since what a line's move costs changes with where a virtual machine's processors are. The fastest of each
    /// counts, because what other programs do only slows both.
    /// </summary>
    public static IEnumerable<RealPoint> Compare(Scenario scenario, Assumptions assumptions)
    {
        for (int threads = 1; threads <= Environment.ProcessorCount; threads *= 2)
        {
            int count = threads;
            RealPoint[] turns = [.. Enumerable.Range(0, Turns)
                .Select(_ => CompareOnce(scenario, assumptions, count))
                .OrderByDescending(turn => turn.ModelMillionsPerSecond)];

            // Lines that move in no time did not move: the system had both threads on one processor.
            RealPoint fastest = turns.FirstOrDefault(turn => turn.Measured.StreamNanoseconds > 0) ?? turns[0];
            yield return fastest with { MillionsPerSecond = turns.Max(turn => turn.MillionsPerSecond) };
        }
    }

    private static RealPoint CompareOnce(Scenario scenario, Assumptions assumptions, int threads)
    {
        CostTable costs = Learn(scenario, assumptions, threads, LearningRoundsOfTurn);
        Assumptions used = threads == 1
            ? assumptions
            : LineCosts.Measure(assumptions) with { Slowdown = RealRun.MeasureSlowdown(threads) };
        long blocks = scenario.WorkNanoseconds > 0 ? RealBlocksWithWork : RealBlocks;
        double real = RealRun.Measure(scenario, threads, blocks);
        ModelPoint model = Simulation.Run(scenario, threads, used, costs, ModelProcess.NanosecondsFor(scenario));
        return new RealPoint(scenario.Name, threads, real, model.MillionsPerSecond, used);
    }

    private static IReadOnlyList<ModelPoint> WithPercent(ModelPoint[] points, int whole)
    {
        double ideal = points.First(point => point.Processors == whole).MillionsPerSecond / whole;
        return [.. points.Select(point => point with
        {
            PercentOfIdeal = point.Processors < whole
                ? null
                : 100 * point.MillionsPerSecond / point.Processors / ideal,
            PercentOfOne = 100 * point.MillionsPerSecond / point.Processors / points[0].MillionsPerSecond,
        })];
    }
}
