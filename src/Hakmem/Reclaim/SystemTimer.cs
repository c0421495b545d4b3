using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Reclaim;

// The framework's timer behind DecayTimer, which calls OnTimer. The framework's timer takes locks, so FrameworkCall
// sets it. No exception leaves TrySet.
//
// Not thread-safe: used by the thread that DecayTimer has let arm, and by Stop when none does. Called under no lock,
// since an exception inside runs the program's FirstChanceException handlers, which may allocate.
internal sealed class SystemTimer(DecayTimer owner, bool observesCollections)
{
    // The longest time that a timer can wait, in whole days.
    public const long MaxWaitMs = 24L * 3600 * 1000;

    private ITimer? _timer;

    // Has the timer fire at a time of the owner's clock. Returns the exception that prevented it, or null.
    public unsafe Exception? TrySet(long dueMs)
    {
        CallState<SystemTimer, long> state = new(this, dueMs);
        return FrameworkCall.Try(ref state, &Set);

        static void Set(ref CallState<SystemTimer, long> setting) => setting.Target.Set(setting.Value);
    }

    public void Dispose() => _timer?.Dispose();

    private void Set(long dueMs)
    {
        _timer ??= Create();
        long waitMs = Math.Clamp(dueMs - owner.NowMs, 0, MaxWaitMs);
        _timer.Change(TimeSpan.FromMilliseconds(waitMs), Timeout.InfiniteTimeSpan);
    }

    private ITimer Create()
    {
        // The timer must not run in the caller's context, nor keep it alive.
        using AsyncFlowControl? _ = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        ITimer timer = (owner.Time ?? TimeProvider.System).CreateTimer(
            OnTimer, owner, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        // Last, so that a refused timer, which is tried again, attaches no callback each time.
        if (observesCollections)
        {
            Gen2GcCallback.Attach(owner);
            UnloadCallback.Attach(owner);
        }

        return timer;

        // Not a lambda, whose class would have an initializer.
        static void OnTimer(object? state) => ((DecayTimer)state!).OnTimer();
    }
}

// Stops the timer when the context that this library was loaded into begins to be unloaded. The runtime refers to an
// armed timer, which would keep the context loaded until all heaps are unused: a minute or more. Code that runs in the
// context after that has its memory returned by Trim alone.
internal static class UnloadCallback
{
    public static void Attach(DecayTimer timer)
    {
        if (AssemblyLoadContext.GetLoadContext(typeof(UnloadCallback).Assembly) is { IsCollectible: true } context)
        {
            // The context refers to the timer by this, and the timer does not refer to the context.
            context.Unloading += _ => timer.Stop();
        }
    }
}
