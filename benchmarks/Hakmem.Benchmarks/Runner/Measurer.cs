using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>
/// Measures one workload with one subject in this process, which has been started for nothing else: no subject sees a heap, a
/// page table or compiled code that another one left behind.
/// </summary>
internal sealed class Measurer
{
    // The runtime starts to count a method's calls once 100 ms have passed without a method seen for the first time; 30 calls
    // later it compiles a profiled version in the background, and after 30 calls of that one the final version. Inlined parts
    // may send a loop through more than one such turn. Hence bursts of more calls than that, with a pause after each.
    private const int WarmUpBursts = 16;
    private const int CountingDelayBursts = 8;
    private const int CallsPerBurst = 40;
    private const int WarmUpShare = 2000;
    private static readonly TimeSpan s_burstLimit = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan s_countingDelay = TimeSpan.FromMilliseconds(130);
    private static readonly TimeSpan s_compilerPause = TimeSpan.FromMilliseconds(40);

    // Long enough to see through the timer and an interrupt or two; short enough that some round is undisturbed.
    private static readonly TimeSpan s_roundTarget = TimeSpan.FromMilliseconds(80);
    private static readonly TimeSpan s_estimateTarget = TimeSpan.FromMilliseconds(15);

    private readonly Workload _workload;
    private readonly Subject _subject;
    private readonly WorkloadBody _body;

    /// <summary>Binds a workload to a subject.</summary>
    /// <exception cref="ArgumentException">The two do not fit.</exception>
    public Measurer(Workload workload, Subject subject)
    {
        _workload = workload;
        _subject = subject;
        _body = subject.BodyOf(workload)
            ?? throw new ArgumentException($"{workload.Name} has no form for {subject.Name}.", nameof(subject));
    }

    /// <summary>Warms up, unless the workload is about not being warm, and times.</summary>
    /// <param name="rounds">How many rounds to time, if the workload may run more than once.</param>
    public Measurement Measure(int rounds)
    {
        _subject.Prepare();
        _workload.Prepare();
        long startResidentBytes = ProcessFigures.ResidentBytes;
        long operations = _workload.RunsOnce ? _workload.Operations : WarmUp();
        double[] nanoseconds = new double[_workload.RunsOnce ? 1 : rounds];
        double fastest = double.PositiveInfinity;
        long? minorFaults = null;
        for (int round = 0; round < nanoseconds.Length; round++)
        {
            long? faultsBefore = ProcessFigures.MinorFaults;
            TimeSpan pausedBefore = _workload.Paused;
            long start = Stopwatch.GetTimestamp();
            long done = _body(operations);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start) - (_workload.Paused - pausedBefore);
            long? faults = ProcessFigures.MinorFaults - faultsBefore;
            nanoseconds[round] = elapsed.TotalNanoseconds / done;
            if (nanoseconds[round] < fastest)
            {
                fastest = nanoseconds[round];
                minorFaults = faults;
            }
        }

        return new Measurement
        {
            Workload = _workload.Name,
            Subject = _subject.Name,
            WorkerCount = _workload.WorkerCount,
            Operations = operations,
            RoundNanoseconds = nanoseconds,
            Nanoseconds = fastest,
            MinorFaults = minorFaults,
            StartResidentBytes = startResidentBytes,
            PeakResidentBytes = _workload.OwnPeakResidentBytes ?? ProcessFigures.PeakResidentBytes,
            EndResidentBytes = ProcessFigures.ResidentBytes,
            Tail = _workload.Tail,
            Quiet = _workload.Quiet,
        };
    }

    /// <summary>Calls the workload until its final code is compiled.</summary>
    /// <returns>How many operations a timed round should have.</returns>
    public long WarmUp()
    {
        long small = Math.Max(1, _workload.Operations / WarmUpShare);
        for (int burst = 0; burst < WarmUpBursts; burst++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int call = 0; call < CallsPerBurst && Stopwatch.GetElapsedTime(start) < s_burstLimit; call++)
            {
                _body(small);
            }

            Thread.Sleep(burst < CountingDelayBursts ? s_countingDelay : s_compilerPause);
        }

        double nanoseconds = Estimate(small);
        Thread.Sleep(s_compilerPause);
        long affordable = (long)(s_roundTarget.TotalNanoseconds / nanoseconds);
        return Math.Clamp(affordable, _workload.MinimumOperations, _workload.Operations);
    }

    private double Estimate(long operations)
    {
        while (true)
        {
            long start = Stopwatch.GetTimestamp();
            long done = _body(operations);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            if (elapsed >= s_estimateTarget || operations >= _workload.Operations)
            {
                return elapsed.TotalNanoseconds / done;
            }

            operations *= 4;
        }
    }
}
