using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Scale.Tracing;

namespace Hakmem.Scale.Model;

/// <summary>What can happen in a slow path.</summary>
internal enum PathStep
{
    /// <summary>A lock is entered.</summary>
    Enter,

    /// <summary>A lock is about to be exited.</summary>
    Exit,

    /// <summary>A shared word is about to be changed.</summary>
    Word,

    /// <summary>What a lock guards is about to be read without it.</summary>
    See,

    /// <summary>The path ends.</summary>
    End,
}

/// <summary>A step of a slow path.</summary>
/// <param name="Step">What happened.</param>
/// <param name="Target">The lock, or the object with the word; null at the end.</param>
/// <param name="Nanoseconds">The time since the step before, or the path's start, less that of the recording.</param>
internal readonly record struct RecordedStep(PathStep Step, object? Target, double Nanoseconds);

/// <summary>Records and times the steps of slow paths on the calling thread.</summary>
internal sealed class SlowPathRecorder : ThreadObserver
{
    private const int OverheadRounds = 20_000;

    private readonly List<RecordedStep> _steps = [];
    private readonly double _overhead;
    private long _last;

    public SlowPathRecorder()
    {
        _overhead = MeasureOverhead();
    }

    /// <summary>The steps of the path that ended last.</summary>
    public IReadOnlyList<RecordedStep> Steps => _steps;

    /// <summary>What <see cref="Start"/> and <see cref="NanosecondsSince"/> measure of nothing.</summary>
    public double ClockNanoseconds { get; private set; }

    /// <summary>Begins a measurement when all memory accesses before it are done.</summary>
    public static long Start()
    {
        Interlocked.MemoryBarrier();
        return Stopwatch.GetTimestamp();
    }

    /// <summary>The nanoseconds since <see cref="Start"/>, until all memory accesses are done.</summary>
    public static double NanosecondsSince(long start)
    {
        Interlocked.MemoryBarrier();
        return Nanoseconds(Stopwatch.GetTimestamp() - start);
    }

    /// <summary>Begins a path.</summary>
    /// <param name="isWhole">Whether only its end is recorded.</param>
    public void Begin(bool isWhole = false)
    {
        _steps.Clear();
        Current = isWhole ? null : this;
        _last = Stopwatch.GetTimestamp();
    }

    public void End()
    {
        Add(PathStep.End, null);
        Current = null;
    }

    /// <inheritdoc/>
    public override void OnWaiting() => throw new InvalidOperationException("A lock is held although one thread runs.");

    /// <inheritdoc/>
    public override void OnEntered(UninterruptibleLock entered) => Add(PathStep.Enter, entered);

    /// <inheritdoc/>
    public override void OnExiting(UninterruptibleLock exited) => Add(PathStep.Exit, exited);

    /// <inheritdoc/>
    public override void OnGateClosed()
    {
    }

    /// <inheritdoc/>
    public override void OnSharedWord(object owner) => Add(PathStep.Word, owner);

    /// <inheritdoc/>
    public override void OnSeeing(UninterruptibleLock guardedBy) => Add(PathStep.See, guardedBy);

    private void Add(PathStep step, object? target)
    {
        long now = Stopwatch.GetTimestamp();
        _steps.Add(new RecordedStep(step, target, Nanoseconds(now - _last) - _overhead));
        _last = Stopwatch.GetTimestamp();
    }

    private static double Nanoseconds(long ticks) => ticks * 1e9 / Stopwatch.Frequency;

    // The clock is read at a step's end and again at the next one's start: the time from the one to the other contains
    // one reading, and the observer's look-up.
    private double MeasureOverhead()
    {
        List<double> clock = [];
        for (int round = 0; round < OverheadRounds; round++)
        {
            long first = Start();
            clock.Add(NanosecondsSince(first));
        }

        ClockNanoseconds = CostTable.MeanOfUsual(clock);
        List<double> samples = [];
        for (int round = 0; round < OverheadRounds; round++)
        {
            Begin();
            Current?.OnSharedWord(this);
            Current?.OnSharedWord(this);
            Current = null;
            samples.Add(_steps[1].Nanoseconds);
        }

        return CostTable.MeanOfUsual(samples);
    }
}
