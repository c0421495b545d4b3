using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Tests.Comparison;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Runner;

public sealed class MeasuringProcessTests
{
    private static readonly Workload s_larson = WorkloadCatalog.Find("larson");

    [Fact]
    public void ResultOfTheWorkersAskedForIsRead()
    {
        Assert.Equal(5, MeasuringProcess.Parse(Printed(workerCount: 2), s_larson).Nanoseconds);
        Assert.Equal(5, MeasuringProcess.Parse(Printed(workerCount: 1), s_larson.WithOneWorker()!).Nanoseconds);
    }

    [Fact]
    public void ResultWithoutWorkersIsOfAllOfThem()
    {
        Assert.Equal(5, MeasuringProcess.Parse(Printed(workerCount: null), s_larson).Nanoseconds);
        AssertRefused(workerCount: null, s_larson.WithOneWorker()!);
    }

    [Fact]
    public void ResultOfOtherWorkersIsRefused()
    {
        AssertRefused(workerCount: 1, s_larson);
        AssertRefused(workerCount: 2, s_larson.WithOneWorker()!);
    }

    private static void AssertRefused(int? workerCount, Workload workload) => Assert.Throws<MeasuringFailedException>(
        () => MeasuringProcess.Parse(Printed(workerCount), workload));

    private static string Printed(int? workerCount) => JsonSerializer.Serialize(
        Figures.Process(5, s_larson.Name) with { WorkerCount = workerCount }, ResultsJsonContext.Default.Measurement);
}
