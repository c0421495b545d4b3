using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using BenchmarkDotNet.Analysers;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Environments;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Validators;
using Hakmem.Diagnosing;

namespace Hakmem;

/// <summary>A diagnoser for BenchmarkDotNet that shows what a benchmark allocates from Hakmem's heaps: the bytes
/// requested for each operation, and those that are not freed when the benchmark has been cleaned up.</summary>
/// <remarks>
/// <para>
/// It runs each benchmark a second time, in which every allocation is counted, so that the measured times are those
/// without it. The figures are exact: <see cref="HakmemProfiler"/> samples every block. Only where a benchmark has more
/// than 16 384 live blocks, as one that leaks, are they estimates, to a few percent; the log says so.
/// </para>
/// <para>
/// The shared heap is counted, with the blocks of its tags and of all pools, buffers and streams that use it. A heap of
/// the benchmark's own is counted if the benchmark's setup calls <see cref="Watch"/>. A block of <c>Realloc</c> that
/// moves counts as allocated again.
/// </para>
/// <para>
/// A benchmark's own process takes part by a startup hook of .NET. Where there is none, as with NativeAOT and Mono, the
/// columns are empty and the log says so. In-process toolchains need no hook. Thread-safe.
/// </para>
/// </remarks>
public sealed class HakmemDiagnoser : IDiagnoser
{
    /// <summary>The diagnoser that <see cref="HakmemDiagnoserAttribute"/> adds.</summary>
    public static readonly HakmemDiagnoser Default = new();

    private const string HookVariable = "DOTNET_STARTUP_HOOKS";

    private readonly ConcurrentDictionary<BenchmarkCase, Run> _runs = new();

    /// <summary>The name of the diagnoser.</summary>
    public IEnumerable<string> Ids => [nameof(HakmemDiagnoser)];

    /// <summary>None.</summary>
    public IEnumerable<IExporter> Exporters => [];

    /// <summary>None.</summary>
    public IEnumerable<IAnalyser> Analysers => [];

    /// <summary>Has a heap of the benchmark's own counted. Call it in the benchmark's setup; it does nothing unless a
    /// diagnoser listens. The heap may be disposed by the benchmark's cleanup. Thread-safe.</summary>
    /// <param name="allocator">The heap.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    public static void Watch(HakmemAllocator allocator)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        UsageRecorder.Watch(allocator);
    }

    /// <summary>A run of its own, in which times are not measured.</summary>
    /// <param name="benchmarkCase">The benchmark.</param>
    /// <returns><see cref="RunMode.ExtraRun"/>.</returns>
    public RunMode GetRunMode(BenchmarkCase benchmarkCase) => RunMode.ExtraRun;

    /// <summary>Called by BenchmarkDotNet in the course of a run.</summary>
    /// <param name="signal">What happens.</param>
    /// <param name="parameters">Where it happens.</param>
    /// <exception cref="ArgumentNullException"><paramref name="parameters"/> is null.</exception>
    public void Handle(HostSignal signal, DiagnoserActionParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        switch (signal)
        {
            case HostSignal.BeforeProcessStart:
                Run run = new() { File = Path.Combine(Path.GetTempPath(), $"hakmem-{Guid.NewGuid():n}.json") };
                _runs[parameters.BenchmarkCase] = run;
                IDictionary<string, string?> environment = parameters.Process.StartInfo.Environment;
                environment[UsageFile.Variable] = run.File;
                string hook = typeof(HakmemDiagnoser).Assembly.Location;
                environment[HookVariable] = environment.TryGetValue(HookVariable, out string? others) &&
                    !string.IsNullOrEmpty(others) ? others + Path.PathSeparator + hook : hook;
                break;
            case HostSignal.BeforeAnythingElse when parameters.Process.Id == Environment.ProcessId:
                _runs[parameters.BenchmarkCase] = new Run { Recorder = new UsageRecorder() };
                break;
            case HostSignal.AfterAll:
                if (_runs.TryGetValue(parameters.BenchmarkCase, out Run? ended))
                {
                    ended.End();
                }

                break;
            default:
                break;
        }
    }

    /// <summary>Returns the figures of a benchmark; none if its process left none.</summary>
    /// <param name="results">The benchmark's results.</param>
    /// <returns>The bytes allocated and leaked for each operation.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="results"/> is null.</exception>
    public IEnumerable<Metric> ProcessResults(DiagnoserResults results)
    {
        ArgumentNullException.ThrowIfNull(results);
        if (!_runs.TryGetValue(results.BenchmarkCase, out Run? run))
        {
            return [];
        }

        NativeUsage usage = run.Read();
        return usage.Failure is null && usage.Operations > 0
            ?
            [
                new Metric(UsageMetric.Allocated, (double)usage.AllocatedBytes / usage.Operations),
                new Metric(UsageMetric.Leaked, (double)usage.LeakedBytes / usage.Operations),
            ]
            : [];
    }

    /// <summary>Writes what was found, and why there are no figures of a benchmark.</summary>
    /// <param name="logger">Where to write.</param>
    /// <exception cref="ArgumentNullException"><paramref name="logger"/> is null.</exception>
    public void DisplayResults(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        foreach (KeyValuePair<BenchmarkCase, Run> pair in _runs)
        {
            NativeUsage usage = pair.Value.Read();
            string name = pair.Key.DisplayInfo;
            if (usage.Failure is { } failure)
            {
                logger.WriteLineError($"{name}: no figures of Hakmem's heaps. {failure}");
            }
            else
            {
                string about = usage.IsExact ? string.Empty : "about ";
                logger.WriteLineInfo(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: {usage.Operations} operations have allocated {about}{usage.AllocatedBytes} bytes from " +
                    $"Hakmem's heaps; {about}{usage.LeakedBytes} of them were not freed by the end of the benchmark."));
            }
        }
    }

    /// <summary>Warns of benchmarks that will have no figures.</summary>
    /// <param name="validationParameters">The benchmarks.</param>
    /// <returns>A warning for each of them.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="validationParameters"/> is null.</exception>
    public IEnumerable<ValidationError> Validate(ValidationParameters validationParameters)
    {
        ArgumentNullException.ThrowIfNull(validationParameters);
        List<ValidationError> warnings = [];
        foreach (BenchmarkCase benchmark in validationParameters.Benchmarks)
        {
            if (benchmark.Job.Environment.Runtime is { } runtime and not CoreRuntime)
            {
                warnings.Add(new ValidationError(
                    isCritical: false,
                    $"{nameof(HakmemDiagnoser)} has no figures of benchmarks on {runtime.Name}, which has no startup " +
                    "hooks.",
                    benchmark));
            }
        }

        return warnings;
    }

    // The run of a benchmark in which it is counted: in its own process, or here.
    private sealed class Run
    {
        private NativeUsage? _usage;

        public string? File { get; init; }

        public UsageRecorder? Recorder { get; init; }

        public void End()
        {
            if (Recorder is { } recorder)
            {
                _usage ??= recorder.Finish();
            }
        }

        public NativeUsage Read()
        {
            if (_usage is null && File is not null)
            {
                _usage = UsageFile.Read(File);
                System.IO.File.Delete(File);
            }

            return _usage ?? new NativeUsage { Failure = "The benchmark did not end." };
        }
    }
}
