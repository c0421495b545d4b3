using System;
using System.IO;
using System.Linq;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Environments;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using BenchmarkDotNet.Validators;
using Hakmem.Diagnosing;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Diagnoser;

// What other tests do at the same time with the shared heap would be counted.
[CollectionDefinition(nameof(HakmemDiagnoserTests), DisableParallelization = true)]
public sealed class HakmemDiagnoserCollection;

// The figures of HakmemDiagnoser within this process. tests/PackageConsumer has a program whose benchmarks run in
// processes of their own.
[Collection(nameof(HakmemDiagnoserTests))]
public sealed class HakmemDiagnoserTests : IDisposable
{
    private readonly string _artifacts = Directory.CreateTempSubdirectory("hakmem-diagnoser").FullName;
    private readonly AccumulationLogger _log = new();

    public void Dispose() => Directory.Delete(_artifacts, recursive: true);

    [Theory]
    [InlineData(nameof(DiagnosedBenchmarks.AllocatesAndFrees), 100 + (3 << 20), 0)]
    [InlineData(nameof(DiagnosedBenchmarks.Leaks), 64, 48)]
    [InlineData(nameof(DiagnosedBenchmarks.FreedByTheIterationsCleanup), 200, 0)]
    [InlineData(nameof(DiagnosedBenchmarks.OwnHeap), 1_000, 0)]
    [InlineData(nameof(DiagnosedBenchmarks.AllocatesNothing), 0, 0)]
    public void FiguresAreThoseOfOneOperation(string benchmark, double allocated, double leaked)
    {
        Summary summary = Run(benchmark, operations: 64);
        Assert.Equal(allocated, ValueOf(summary, UsageMetric.Allocated), 0.5);
        Assert.Equal(leaked, ValueOf(summary, UsageMetric.Leaked), 0.5);
        Assert.DoesNotContain("about", _log.GetLog().Split("HakmemDiagnoser *")[1], StringComparison.Ordinal);
    }

    [Fact]
    public void ManyLeaksAreEstimated()
    {
        Summary summary = Run(nameof(DiagnosedBenchmarks.Leaks), operations: 200_000);
        Assert.InRange(ValueOf(summary, UsageMetric.Leaked), 48 * 0.9, 48 * 1.1);
        Assert.Contains(
            "of them were not freed by the end of the benchmark", _log.GetLog(), StringComparison.Ordinal);
        Assert.Contains("about ", _log.GetLog().Split("HakmemDiagnoser *")[1], StringComparison.Ordinal);
    }

    [Fact]
    public void ColumnsAreThere()
    {
        Summary summary = Run(nameof(DiagnosedBenchmarks.Leaks), operations: 4);
        string[] columns =
            [.. summary.Table.Columns.Where(column => column.NeedToShow).Select(column => column.Header)];
        Assert.Contains("Native allocated", columns);
        Assert.Contains("Native leaked", columns);
    }

    [Fact]
    public void AHeapThatIsProfiledAlreadyIsSaid()
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(HakmemAllocator.Shared);
        Summary summary = Run(nameof(DiagnosedBenchmarks.Leaks), operations: 4);
        Assert.DoesNotContain(UsageMetric.Leaked.Id, summary.Reports.Single().Metrics.Keys);
        Assert.Contains("The heap has a profiler already", _log.GetLog(), StringComparison.Ordinal);
    }

    [Fact]
    public void ARuntimeWithoutStartupHooksIsWarnedOf()
    {
        BenchmarkRunInfo info = BenchmarkConverter.TypeToBenchmarks(
            typeof(DiagnosedBenchmarks), Config(Job.Dry.WithRuntime(NativeAotRuntime.Net10_0)));
        ValidationError[] warnings =
            [.. new HakmemDiagnoser().Validate(new ValidationParameters(info.BenchmarksCases, info.Config))];
        Assert.Equal(info.BenchmarksCases.Length, warnings.Length);
        Assert.All(warnings, warning => Assert.False(warning.IsCritical));
        Assert.Contains("NativeAOT", warnings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AProcessThatLeftNoFiguresIsAFailureThatSaysSo()
    {
        string file = Path.Combine(_artifacts, "usage.json");
        Assert.Contains("without writing any", UsageFile.Read(file).Failure, StringComparison.Ordinal);
        File.WriteAllText(file, "{");
        Assert.Contains("cannot be read", UsageFile.Read(file).Failure, StringComparison.Ordinal);
        File.Delete(file);
        NativeUsage usage = new() { Operations = 3, AllocatedBytes = 4, LeakedBytes = 5, IsExact = false };
        UsageFile.Write(file, usage);
        Assert.Equal(usage, UsageFile.Read(file));
    }

    [Fact]
    public void WatchRequiresAHeapAndKeepsNoneWithoutADiagnoser()
    {
        Assert.Throws<ArgumentNullException>(() => HakmemDiagnoser.Watch(null!));
        WeakReference heap = WatchOne();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(heap.IsAlive);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference WatchOne()
    {
        using HakmemAllocator heap = new();
        HakmemDiagnoser.Watch(heap);
        return new WeakReference(heap);
    }

    private static double ValueOf(Summary summary, UsageMetric metric) =>
        summary.Reports.Single().Metrics[metric.Id].Value;

    private Summary Run(string benchmark, int operations)
    {
        Job job = Job.Dry.WithStrategy(RunStrategy.Throughput).WithWarmupCount(1).WithIterationCount(3)
            .WithInvocationCount(operations).WithUnrollFactor(1).WithToolchain(InProcessNoEmitToolchain.Instance);
        BenchmarkRunInfo all = BenchmarkConverter.TypeToBenchmarks(typeof(DiagnosedBenchmarks), Config(job));
        BenchmarkCase[] one = [.. all.BenchmarksCases.Where(each => each.Descriptor.WorkloadMethod.Name == benchmark)];
        return BenchmarkRunner.Run(new BenchmarkRunInfo(one, all.Type, all.Config));
    }

    private ManualConfig Config(Job job) => ManualConfig.CreateEmpty()
        .AddJob(job)
        .AddDiagnoser(new HakmemDiagnoser())
        .AddColumnProvider(DefaultColumnProviders.Instance)
        .AddLogger(_log)
        .WithArtifactsPath(_artifacts)
        .WithOptions(ConfigOptions.DisableOptimizationsValidator);
}
