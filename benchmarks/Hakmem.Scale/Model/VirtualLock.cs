using System;
using System.Collections.Generic;

namespace Hakmem.Scale.Model;

/// <summary>When a lock, or a word that is changed by interlocked operations, is in use, in virtual time.</summary>
/// <remarks>
/// Slow paths are simulated in the order in which they begin. One that began earlier may reach a lock later than one
/// that began after it, so uses are entered wherever there is time between others.
/// </remarks>
/// <param name="kind">The kind of lock.</param>
/// <param name="lines">Cache lines that move to another processor with the lock: its own and those that it
/// guards.</param>
/// <param name="wait">What those who wait do.</param>
internal sealed class VirtualLock(string kind, int lines, WaitKind wait)
{
    private const int SpinTurns = 10;
    private const int MaxSpinShift = 6;

    private readonly List<(double Start, double End)> _uses = [];
    private readonly Dictionary<int, long> _seen = [];
    private int _lastProcessor = -1;
    private long _version;

    public string Kind => kind;

    /// <summary>Uses so far.</summary>
    public long Uses { get; private set; }

    /// <summary>Uses after a wait.</summary>
    public long Waits { get; private set; }

    /// <summary>Nanoseconds that were waited.</summary>
    public double WaitedNanoseconds { get; private set; }

    /// <summary>Uses the lock for some time.</summary>
    /// <param name="now">When the processor reaches it.</param>
    /// <param name="hold">For how long it is used, without the time for moving lines.</param>
    /// <param name="processor">The processor.</param>
    /// <param name="assumptions">The costs.</param>
    /// <param name="horizon">No later use begins before this.</param>
    /// <returns>When the processor has the lock and the lines it guards.</returns>
    public double Use(double now, double hold, int processor, Assumptions assumptions, double horizon)
    {
        _uses.RemoveAll(use => use.End < horizon);
        int waiters = 0;
        foreach ((double useStart, _) in _uses)
        {
            waiters += useStart > now ? 1 : 0;
        }

        // The line of a lock that is tried again and again goes by half of those who wait before it gets where it is
        // needed.
        double moving = _lastProcessor == processor || _lastProcessor < 0
            ? 0
            : assumptions.TransferNanoseconds * (lines + (wait == WaitKind.TryAgain ? waiters / 2.0 : 0));
        double start = Start(now, moving + hold, assumptions);
        _uses.Insert(_uses.FindLastIndex(use => use.Start <= start) + 1, (start, start + moving + hold));
        Mark(processor);
        Uses++;
        if (start > now)
        {
            Waits++;
            WaitedNanoseconds += start - now;
        }

        return start + moving;
    }

    /// <summary>Notes that a processor used the lock, in no time.</summary>
    public void Mark(int processor)
    {
        _lastProcessor = processor;
        _version++;
        _seen[processor] = _version;
    }

    /// <summary>Whether a processor that reads what the lock guards has to fetch it.</summary>
    public bool Look(int processor)
    {
        bool isStale = _seen.GetValueOrDefault(processor) != _version;
        _seen[processor] = _version;
        return isStale;
    }

    private double Start(double now, double length, Assumptions assumptions)
    {
        double free = FreeFrom(now, length);
        if (free <= now || wait != WaitKind.Poll)
        {
            return free;
        }

        double look = now;
        for (int turn = 0; turn < SpinTurns; turn++)
        {
            look += assumptions.SpinNanoseconds * (1 << Math.Min(turn, MaxSpinShift));
            if (FreeFrom(look, length) <= look)
            {
                return look;
            }
        }

        return FreeFrom(FreeFrom(look, length) + assumptions.WakeNanoseconds, length);
    }

    // The earliest time from which it is free for so long.
    private double FreeFrom(double from, double length)
    {
        foreach ((double start, double end) in _uses)
        {
            if (end > from)
            {
                if (start - from >= length)
                {
                    return from;
                }

                from = end;
            }
        }

        return from;
    }
}

/// <summary>How a processor waits.</summary>
internal enum WaitKind
{
    /// <summary>It looks in growing intervals, then sleeps, as in WordLock.</summary>
    Poll,

    /// <summary>It has asked for a line once and gets it in turn, as an interlocked operation does.</summary>
    Queue,

    /// <summary>It tries to take the lock all the time, as the simplest lock does.</summary>
    TryAgain,
}
