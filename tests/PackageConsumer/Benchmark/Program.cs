using System;
using System.Linq;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

// Benchmarks in processes of their own, with the diagnoser from the package.
Job job = Job.Dry.WithWarmupCount(1).WithIterationCount(2).WithInvocationCount(32).WithUnrollFactor(1);
Summary summary = BenchmarkRunner.Run<Buffers>(ManualConfig.Create(DefaultConfig.Instance).AddJob(job));

Require(nameof(Buffers.Rented), "HakmemAllocated", 1_000);
Require(nameof(Buffers.Rented), "HakmemLeaked", 0);
Require(nameof(Buffers.Leaks), "HakmemAllocated", 48);
Require(nameof(Buffers.Leaks), "HakmemLeaked", 48);
Require(nameof(Buffers.OfItsOwnHeap), "HakmemAllocated", 2_000);
Console.WriteLine("The package works.");

void Require(string benchmark, string metric, double expected)
{
    BenchmarkReport report = summary.Reports.Single(
        each => each.BenchmarkCase.Descriptor.WorkloadMethod.Name == benchmark);
    double found = report.Metrics[metric].Value;
    if (Math.Abs(found - expected) > 0.5)
    {
        throw new InvalidOperationException($"{benchmark}: {metric} is {found}, not {expected}.");
    }
}
