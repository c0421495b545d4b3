using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Api;

// Calls a program's handlers because a soft limit is exceeded: on a thread of the pool, so that they may allocate, free
// and wait, and so that their exceptions do not end an allocation. An exception is counted, and the other handlers are
// called all the same.
//
// Thread-safe.
internal sealed class SoftLimitNotifier(object sender)
{
    private static readonly WaitCallback s_call = static call => ((Call)call!).Run();

    private static readonly FrameworkCall.Step<Call> s_queue =
        static (ref Call call) => ThreadPool.UnsafeQueueUserWorkItem(s_call, call);

    private long _failedCalls;
    private Exception? _lastFailure;

    public event EventHandler<SoftLimitEventArgs>? Handlers;

    // How many calls of a handler threw, and the last exception; null if there was none.
    public long FailedCalls => Interlocked.Read(ref _failedCalls);

    public Exception? LastFailure => Volatile.Read(ref _lastFailure);

    // Has the handlers called, if there are any. False if there is no memory for that. Never throws; under no lock.
    public bool TryQueue(long bytes, long softBytes) => Handlers is null || TryQueueCall(bytes, softBytes);

    private bool TryQueueCall(long bytes, long softBytes)
    {
        try
        {
            Call call = new(this, new SoftLimitEventArgs(bytes, softBytes));
            return FrameworkCall.Try(ref call, s_queue) is null;
        }
        catch (OutOfMemoryException)
        {
            // The caller tries again later.
            return false;
        }
    }

    private void CallAll(SoftLimitEventArgs args)
    {
        foreach (Delegate handler in Handlers?.GetInvocationList() ?? [])
        {
            try
            {
                ((EventHandler<SoftLimitEventArgs>)handler)(sender, args);
            }
            catch (Exception failure)
            {
                Volatile.Write(ref _lastFailure, failure);
                Interlocked.Increment(ref _failedCalls);
            }
        }
    }

    private sealed class Call(SoftLimitNotifier notifier, SoftLimitEventArgs args)
    {
        public void Run() => notifier.CallAll(args);
    }
}
