using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Runner;

public sealed class RunOneCommandTests
{
    [Theory]
    [InlineData("tiny-hot", 1)]
    [InlineData("private-16", 2)]
    [InlineData("mstress", 4)]
    public void ArgumentsNameTheWorkloadAndItsWorkers(string name, int workerCount)
    {
        Workload workload = WorkloadCatalog.Find(name);
        Assert.Same(workload, ReadBack(workload));
        Assert.Equal(workerCount, workload.WorkerCount);
        if (workload.WithOneWorker() is { } alone)
        {
            Workload read = ReadBack(alone);
            Assert.Equal((name, 1, alone.Operations), (read.Name, read.WorkerCount, read.Operations));
        }
    }

    private static Workload ReadBack(Workload workload) =>
        RunOneCommand.WorkloadOf(RunOneCommand.Arguments(workload, SubjectCatalog.Find("hakmem"), rounds: 3));
}
