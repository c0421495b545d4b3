using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Workloads;

public sealed class WorkloadTests
{
    [Theory]
    [InlineData("private-16", 20_000_000, 20_000_000)]
    [InlineData("dealt-48", 10_000_000, 10_000_000)]
    [InlineData("larson", 2_000_000, 2_000_000)]
    [InlineData("windows-2", 5_000_000, 1)]
    [InlineData("mstress", 400_000, 400_000)]
    public void OneWorkerDoesWhatEachOfTheOthersDid(string name, long operations, long minimum)
    {
        Workload all = WorkloadCatalog.Find(name);
        Workload? one = all.WithOneWorker();
        Assert.NotNull(one);
        Assert.Equal((name, 1), (one.Name, one.WorkerCount));
        Assert.Equal((operations, minimum), (one.Operations, one.MinimumOperations));
        Assert.True(all.WorkerCount > 1);
        Assert.Null(one.WithOneWorker());
    }

    [Theory]
    [InlineData("tiny-hot")]
    [InlineData("windows")]
    [InlineData("xmalloc")]
    [InlineData("thread-churn")]
    public void WorkloadWithoutAlikeWorkersHasNoSuchForm(string name) =>
        Assert.Null(WorkloadCatalog.Find(name).WithOneWorker());
}
