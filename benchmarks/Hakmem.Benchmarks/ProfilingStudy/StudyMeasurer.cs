using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Measures one scenario in this process, which has been started for nothing else.</summary>
internal static class StudyMeasurer
{
    private static readonly TimeSpan s_eventDelay = TimeSpan.FromMilliseconds(300);

    /// <summary>Times a scenario with nothing else going on.</summary>
    public static StudyMeasurement Time(StudyScenario scenario, Subject subject, int rounds)
    {
        scenario.Prepare?.Invoke();
        return Run(scenario.Workload, subject, rounds, counters: null, sampler: null);
    }

    /// <summary>Runs a scenario with every instrument there is; its time is then not the allocator's alone.</summary>
    public static StudyMeasurement Profile(StudyScenario scenario, Subject subject, int rounds)
    {
        scenario.Prepare?.Invoke();
        CountingMemory.Install();
        using CodeMap map = new();
        using HardwareCounters counters = new();
        using AddressSampler? sampler = AddressSampler.TryOpen();
        StudyMeasurement measurement = Run(Opaque(scenario.Workload), subject, rounds, counters, sampler);

        // The runtime passes its events on in batches.
        Thread.Sleep(s_eventDelay);
        return measurement with
        {
            Profile = measurement.Profile! with { Samples = sampler is null ? null : map.Count(sampler.Read()) },
        };
    }

    private static StudyMeasurement Run(
        Workload workload, Subject subject, int rounds, HardwareCounters? counters, AddressSampler? sampler)
    {
        WorkloadBody body = subject.BodyOf(workload) ?? throw new ArgumentException($"{workload.Name} has no form for {subject.Name}.");
        subject.Prepare();
        long operations = workload.RunsOnce ? workload.Operations : new Measurer(workload, subject).WarmUp();
        rounds = workload.RunsOnce ? 1 : rounds;
        IReadOnlyList<SystemCall> callsBefore = CountingMemory.Installed?.Counts() ?? [];
        double fastest = double.PositiveInfinity;
        counters?.Start();
        sampler?.Start();
        ResourceUsage before = ResourceUsage.Current();
        for (int round = 0; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            long done = body(operations);
            fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalNanoseconds / done);
        }

        ResourceUsage after = ResourceUsage.Current();
        sampler?.Stop();
        counters?.Stop();
        return new StudyMeasurement
        {
            Operations = operations,
            Rounds = rounds,
            Nanoseconds = fastest,
            Timed = after - before,
            Process = after,
            ResidentBytes = ProcessFigures.ResidentBytes,
            PeakResidentBytes = ProcessFigures.PeakResidentBytes,
            Profile = counters is null ? null : new StudyProfile
            {
                Calls = Since(callsBefore, CountingMemory.Installed?.Counts() ?? []),
                Samples = null,
                Cycles = counters.Cycles,
                Instructions = counters.Instructions,
                Level1Misses = counters.Level1Misses,
                TlbMisses = counters.TlbMisses,
            },
        };
    }

    private static List<SystemCall> Since(IReadOnlyList<SystemCall> before, IReadOnlyList<SystemCall> after)
    {
        List<SystemCall> calls = [];
        for (int kind = 0; kind < after.Count; kind++)
        {
            SystemCall? earlier = kind < before.Count ? before[kind] : null;
            calls.Add(after[kind] with
            {
                Count = after[kind].Count - (earlier?.Count ?? 0),
                Milliseconds = after[kind].Milliseconds - (earlier?.Milliseconds ?? 0),
            });
        }

        return calls;
    }

    private static OpaqueWorkload Opaque(Workload workload) => new(workload.Name, workload)
    {
        Definition = workload.Definition,
        Exposes = workload.Exposes,
        Operation = workload.Operation,
        Operations = workload.Operations,
        MinimumOperations = workload.MinimumOperations,
        RunsOnce = workload.RunsOnce,
    };
}
