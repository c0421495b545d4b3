using System;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Benchmarks.Soak;

/// <summary>
/// One kind of service's work, without end: steps that run while the gate lets them, and whatever checks itself. Created with a seed and the
/// gate; runs on a thread of its own, or on pool threads if it awaits.
/// </summary>
internal abstract class SoakLoad(string name, SoakGate gate, int seed)
{
    private long _steps;

    /// <summary>The load's name.</summary>
    public string Name => name;

    /// <summary>Steps done so far.</summary>
    public long Steps => Volatile.Read(ref _steps);

    /// <summary>This load's own random numbers: for one thread at a time.</summary>
    protected Random Random { get; } = new(seed);

    /// <summary>Bytes live in a heap of this load's own.</summary>
    public virtual long LiveBytes => 0;

    /// <summary>Works until told to stop, then gives everything back.</summary>
    public virtual Task RunAsync(CancellationToken stop) => Task.Factory.StartNew(
        () =>
        {
            while (!stop.IsCancellationRequested)
            {
                Do(Step);
            }

            Do(Finish);
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    /// <summary>Compares what only this load knows. Called while all loads stand.</summary>
    public virtual void Check()
    {
    }

    /// <summary>Does a step behind the gate and counts it.</summary>
    protected void Do(Action step)
    {
        gate.Step(step);
        Interlocked.Increment(ref _steps);
    }

    /// <summary>A few hundred microseconds' work.</summary>
    protected abstract void Step();

    /// <summary>Frees what is held.</summary>
    protected abstract void Finish();

    /// <summary>A size as programs ask for them: mostly small, each doubling less likely.</summary>
    protected static nuint RandomSize(Random random) => random.Next(100) switch
    {
        < 70 => (nuint)random.Next(8, 1_025),
        < 90 => (nuint)random.Next(1_025, 16_385),
        < 99 => (nuint)random.Next(16_385, 262_145),
        _ => (nuint)random.Next(262_145, 3 << 20),
    };
}
