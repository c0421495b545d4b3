using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Comparison;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Comparison;

public sealed class ComparisonRunnerTests
{
    private static readonly Subject s_hakmem = SubjectCatalog.Find("hakmem");
    private static readonly Workload s_tinyHot = WorkloadCatalog.Find("tiny-hot");
    private static readonly Workload s_batch = WorkloadCatalog.Find("batch");

    [Fact]
    public void BuildsChangePlacesInEveryTurn()
    {
        List<ComparedBuild> order = [];
        ComparisonRunner runner = new([(s_tinyHot, s_hakmem)], turns: 3, (build, _, _) =>
        {
            order.Add(build);
            return Figures.Process(order.Count);
        });

        ComparisonRow row = Assert.Single(runner.Run((_, _) => { }).Rows);
        Assert.Equal("Base Current Current Base Base Current", string.Join(' ', order));
        Assert.Equal((1, 5), (row.Base.Least, row.Base.Most));
        Assert.Equal((2, 6), (row.Current.Least, row.Current.Most));
    }

    [Fact]
    public void RowThatFailsIsNamedAndTheOthersGoOn()
    {
        int calls = 0;
        ComparisonRunner runner = new([(s_tinyHot, s_hakmem), (s_batch, s_hakmem)], turns: 4, (build, workload, _) =>
        {
            calls += workload == s_tinyHot ? 1 : 0;
            return workload == s_tinyHot && build == ComparedBuild.Current
                ? throw new MeasuringFailedException("no such row")
                : Figures.Process(1, workload.Name);
        });

        ComparisonResults results = runner.Run((_, _) => { });
        Assert.Equal("tiny-hot with hakmem failed in the current build: no such row.", Assert.Single(results.Failures));
        Assert.Equal("batch", Assert.Single(results.Rows).Workload);
        Assert.Equal(2, calls);
    }

    [Fact]
    public void RowsAreThePairsThatFit()
    {
        Subject pool = SubjectCatalog.Find("hakmem-pool");
        Workload buffers = WorkloadCatalog.Find("buffers-4k");
        Assert.Equal(
            [(s_tinyHot, s_hakmem), (buffers, s_hakmem), (buffers, pool)],
            ComparisonRunner.RowsOf([s_tinyHot, buffers], [s_hakmem, pool]));
    }

    [Fact]
    public void EachRowIsToldOfOnce()
    {
        List<string> told = [];
        ComparisonRunner runner = new(
            [(s_tinyHot, s_hakmem), (s_batch, s_hakmem)], turns: 2, (_, _, _) => Figures.Process(1));
        _ = runner.Run((workload, _) => told.Add(workload.Name));
        Assert.Equal(["tiny-hot", "batch"], told.ToArray());
    }
}
