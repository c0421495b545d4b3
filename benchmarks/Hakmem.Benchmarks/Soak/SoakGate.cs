using System;
using System.Threading;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Lets loads do their steps beside each other, and whoever checks do so while no step is under way.</summary>
internal sealed class SoakGate : IDisposable
{
    private readonly ReaderWriterLockSlim _lock = new();

    /// <summary>Does a step. Steps hold no lock over an await.</summary>
    public void Step(Action step)
    {
        _lock.EnterReadLock();
        try
        {
            step();
        }
        finally
        {
            _lock.ExitReadLock();
        }
    }

    /// <summary>Does something while every load stands between two steps.</summary>
    public void WhileAllStand(Action check)
    {
        _lock.EnterWriteLock();
        try
        {
            check();
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();
}
