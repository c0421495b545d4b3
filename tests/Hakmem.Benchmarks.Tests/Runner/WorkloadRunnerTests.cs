using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Tests.Comparison;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Runner;

public sealed class WorkloadRunnerTests
{
    private static readonly Subject s_malloc = SubjectCatalog.Find("nativememory");

    [Fact]
    public void OneWorkerTakesItsTurnsAmongTheSubjects()
    {
        List<string> order = [];
        RunPlan plan = PlanOf("private-16");
        ResultSet results = Run(plan, (workload, subject) =>
        {
            order.Add($"{subject.Name} {workload.WorkerCount}");
            return Figures.Process(workload.WorkerCount == 1 ? 9 : 5, workload.Name, subject.Name);
        });

        string[] turn =
            ["hakmem 2", "hakmem 1", "nativememory 2", "nativememory 1", "null 2", "null 1"];
        Assert.Equal([.. turn, .. turn], order);
        Assert.Equal(order.Count, plan.ProcessCount);
        Assert.All(results.Rows, row => Assert.Equal((5, 1.8), (row.Nanoseconds, row.SpeedUp)));
        Assert.All(results.Rows, row => Assert.Equal(2, row.OneWorkerProcesses?.Count));
    }

    [Fact]
    public void WorkloadOfOneThreadIsMeasuredOnceATurn()
    {
        int calls = 0;
        RunPlan plan = PlanOf("tiny-hot");
        ResultSet results = Run(plan, (workload, subject) =>
        {
            calls++;
            return Figures.Process(5, workload.Name, subject.Name);
        });

        Assert.Equal(6, calls);
        Assert.Equal(6, plan.ProcessCount);
        Assert.All(results.Rows, row => Assert.Null(row.SpeedUp));
    }

    [Fact]
    public void RowWhoseOneWorkerFailsHasNoSpeedUp()
    {
        ResultSet results = Run(PlanOf("larson"), (workload, subject) =>
            workload.WorkerCount == 1 && subject.Name == "hakmem"
                ? throw new MeasuringFailedException("too slow")
                : Figures.Process(5, workload.Name, subject.Name));

        Assert.Null(results.Rows.Single(row => row.Subject == "hakmem").SpeedUp);
        Assert.Equal(1, results.Rows.Single(row => row.Subject == "nativememory").SpeedUp);
        Assert.Contains("larson with hakmem and one worker failed: too slow.", results.Notes);
    }

    private static RunPlan PlanOf(string workload) =>
        RunPlan.Create([WorkloadCatalog.Find(workload)], [s_malloc], rounds: 2, roundsPerProcess: 1);

    private static ResultSet Run(RunPlan plan, System.Func<Workload, Subject, Measurement> measure) =>
        new WorkloadRunner(plan, measure).Run(Rows.Environment(), (_, _) => { });
}
