using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Tests.Comparison;

namespace Hakmem.Benchmarks.Tests.Runner;

// Rows with the figures that a test wants.
internal static class Rows
{
    public static ResultRow Of(double[] processes, double[]? oneWorker = null) => ResultRow.From(
        SubjectCatalog.Find("hakmem"), ProcessesOf(processes), oneWorker is null ? null : ProcessesOf(oneWorker));

    public static BenchmarkEnvironment Environment() => BenchmarkEnvironment.Current() with { LoadAverage = null };

    private static List<Measurement> ProcessesOf(double[] nanoseconds) =>
        [.. nanoseconds.Select(figure => Figures.Process(figure))];
}
