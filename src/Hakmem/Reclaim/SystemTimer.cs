using System;
using System.Threading;

namespace Hakmem.Reclaim;

// The framework's timer behind DecayTimer, which calls OnTimer. The threads that set it are mostly the program's,
// inside an allocation or a free, and the framework's timer takes locks that on contention throw
// ThreadInterruptedException and ask the thread's SynchronizationContext to wait. So the thread has no
// SynchronizationContext while it sets the timer; after an interrupt the call is repeated, and the interrupt is made
// pending again. No exception leaves TrySet.
//
// Not thread-safe: used by the thread that DecayTimer has let arm, and by Stop when none does. Called under no lock,
// since an exception inside runs the program's FirstChanceException handlers, which may allocate.
internal sealed class SystemTimer(DecayTimer owner, bool observesCollections)
{
    // The longest time that a timer can wait, in whole days.
    public const long MaxWaitMs = 24L * 3600 * 1000;

    // An interrupt ends one try, and there is seldom more than one; a thread gives up after so many.
    private const int MaxTries = 8;

    private ITimer? _timer;

    // Has the timer fire at a time of the owner's clock. Returns the exception that prevented it, or null.
    public Exception? TrySet(long dueMs)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }

        bool wasInterrupted = false;
        Exception? refusal = TrySetOnce(dueMs);
        for (int tries = 1; refusal is ThreadInterruptedException && tries < MaxTries; tries++)
        {
            wasInterrupted = true;
            refusal = TrySetOnce(dueMs);
        }

        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        if (wasInterrupted || refusal is ThreadInterruptedException)
        {
            // For the caller's own next wait.
            Thread.CurrentThread.Interrupt();
        }

        return refusal;
    }

    public void Dispose() => _timer?.Dispose();

    private Exception? TrySetOnce(long dueMs)
    {
        try
        {
            _timer ??= Create();
            long waitMs = Math.Clamp(dueMs - owner.NowMs, 0, MaxWaitMs);
            _timer.Change(TimeSpan.FromMilliseconds(waitMs), Timeout.InfiniteTimeSpan);
            return null;
        }
        catch (Exception refusal)
        {
            return refusal;
        }
    }

    private ITimer Create()
    {
        // The timer must not run in the caller's context, nor keep it alive.
        using AsyncFlowControl? _ = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        ITimer timer = (owner.Time ?? TimeProvider.System).CreateTimer(
            static state => ((DecayTimer)state!).OnTimer(), owner, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        // Last, so that a refused timer, which is tried again, attaches no callback each time.
        if (observesCollections)
        {
            Gen2GcCallback.Attach(owner);
            UnloadCallback.Attach(owner);
        }

        return timer;
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
