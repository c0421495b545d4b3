using System;
using Hakmem.Reclaim;

namespace Hakmem.Tests.Reclaim;

// A heap as the timer sees it: a test sets what a run does, and what another thread does between two steps.
internal sealed class ScriptedHeap : DecayTarget
{
    public const long Interval = 100;

    public ScriptedHeap(DecayTimer timer, long intervalMs = Interval)
        : base(timer)
    {
        IntervalMs = intervalMs;
        Register();
    }

    public override long IntervalMs { get; }

    public override long CommittedBytes => 1;

    public int Runs { get; private set; }

    // Whether the last run found it used.
    public bool WasUsed { get; private set; }

    // Called in a run, after TakeUsed; it may throw.
    public Action? OnRun { get; set; }

    // Called once each before and after the next reading of IsDueSoon.
    public Action? BeforeDueSoonIsRead { get; set; }

    public Action? AfterDueSoonIsRead { get; set; }

    public override bool IsDueSoon
    {
        get
        {
            Action? before = BeforeDueSoonIsRead;
            Action? after = AfterDueSoonIsRead;
            BeforeDueSoonIsRead = null;
            AfterDueSoonIsRead = null;
            before?.Invoke();
            bool isDueSoon = base.IsDueSoon;
            after?.Invoke();
            return isDueSoon;
        }

        set => base.IsDueSoon = value;
    }

    // Asks for another run if it was used.
    public override long Decay(bool isMemoryShort)
    {
        Runs++;
        WasUsed = TakeUsed();
        OnRun?.Invoke();
        return WasUsed ? IntervalMs : -1;
    }

    public void Gone() => Unregister();
}
