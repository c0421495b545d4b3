using System;
using Hakmem.Reclaim;

namespace Hakmem.Tests.Reclaim;

// What the timer sees of a heap, and nothing behind it: a test says what a look does, and what another thread does
// between two steps.
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

    public int Looks { get; private set; }

    // Whether the last look found it touched.
    public bool WasTouched { get; private set; }

    // Runs in a look, after it has taken the touch; it may throw.
    public Action? OnLook { get; set; }

    // Runs once each before and after the next reading of whether it is due soon.
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

    // Comes back for what it found used, and then rests.
    public override long Decay(bool isMemoryShort)
    {
        Looks++;
        WasTouched = TakeUsed();
        OnLook?.Invoke();
        return WasTouched ? IntervalMs : -1;
    }

    public void Gone() => Unregister();
}
