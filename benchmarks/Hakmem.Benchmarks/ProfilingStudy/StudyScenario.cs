using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>One thing that the study measures in every configuration.</summary>
/// <param name="Workload">What is run.</param>
/// <param name="Shows">What the scenario is there to show.</param>
internal sealed record StudyScenario(Workload Workload, string Shows)
{
    private const long ColdOperations = 1_000_000;
    private const int TouchedBlocks = 8192;
    private const int WaveBlocks = 16;
    private const int Waves = 20;

    /// <summary>Random Mixed in a process that has done nothing yet.</summary>
    public static StudyScenario RandomMixedCold { get; } =
        new(WorkloadCatalog.Find("random-mixed-cold"), "cold start: compiling, first pages, page faults");

    /// <summary>Random Mixed when everything is compiled and faulted in.</summary>
    public static StudyScenario RandomMixed { get; } =
        new(WorkloadCatalog.Find("random-mixed"), "steady state over many size classes");

    /// <summary>Tiny Hot in a process that has done nothing yet.</summary>
    public static StudyScenario TinyHotCold { get; } = new(
        new TinyHotWorkload("tiny-hot-cold")
        {
            Definition = "tiny-hot, a million pairs in a process that has done nothing yet",
            Exposes = "start-up",
            Operation = "alloc + free",
            Operations = ColdOperations,
            RunsOnce = true,
        },
        "cold start of the fast path");

    /// <summary>Tiny Hot when everything is compiled and faulted in.</summary>
    public static StudyScenario TinyHot { get; } =
        new(WorkloadCatalog.Find("tiny-hot"), "steady state of the fast path");

    /// <summary>Memory that was never touched.</summary>
    public static StudyScenario FirstTouch { get; } = new(
        new FirstTouchWorkload("first-touch")
        {
            Definition = "512 MiB in blocks of 64 KiB, a byte written to every page, in a fresh process",
            Exposes = "what a page costs the first time",
            Operation = "64 KiB block",
            Operations = TouchedBlocks,
            RunsOnce = true,
        },
        "what decides the cost of a page fault");

    /// <summary>Memory that the process has not had, but the machine has: its host need not find it any more.</summary>
    public static StudyScenario FirstTouchBacked { get; } = new(
        new FirstTouchWorkload("first-touch-backed")
        {
            Definition = "first-touch after the process has written as much and given it back to the system",
            Exposes = "what a page costs a process that did not have it, on a machine that did",
            Operation = "64 KiB block",
            Operations = TouchedBlocks,
            RunsOnce = true,
        },
        "first touches without those of the host of a virtual machine")
    {
        Prepare = FirstTouchWorkload.BackWithMemory,
    };

    /// <summary>Memory that is needed again and again, with pauses in which it is empty.</summary>
    public static StudyScenario WavesOfLargeBlocks { get; } = new(
        new WavesWorkload("waves", WaveBlocks)
        {
            Definition = $"{WaveBlocks} blocks of 4 MiB, a byte written to every page, all freed; {Waves} times",
            Exposes = "what keeping empty memory saves",
            Operation = "4 MiB block",
            Operations = WaveBlocks * Waves,
            RunsOnce = true,
        },
        "what keeping hot memory saves");

    /// <summary>All, in the order of the report.</summary>
    public static IReadOnlyList<StudyScenario> All { get; } =
        [RandomMixedCold, RandomMixed, TinyHotCold, TinyHot, FirstTouch, FirstTouchBacked, WavesOfLargeBlocks];

    /// <summary>What a process does before it measures; null for nothing.</summary>
    public Action? Prepare { get; init; }

    /// <summary>The name in tables and on command lines.</summary>
    public string Name => Workload.Name;

    /// <summary>Finds a scenario by name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static StudyScenario Find(string name) =>
        All.FirstOrDefault(scenario => scenario.Name == name)
        ?? throw new ArgumentException($"There is no scenario '{name}'.", nameof(name));
}
