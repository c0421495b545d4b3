using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Api;

// Calls a program's handlers because a soft limit is exceeded: on a thread of the pool, so that they may allocate, free
// and wait, and so that their exceptions do not end an allocation. An exception is counted, and the other handlers are
// called all the same. Nothing else is thrown there, where it would end the process: managed memory may be short just
// then, so the calls need none.
//
// Thread-safe.
internal sealed class SoftLimitNotifier(object sender)
{
    private long _failedCalls;
    private Exception? _lastFailure;

    // The handlers, one by one: an event has to allocate the list of them. Compare and exchange by who adds or removes;
    // read by who exceeds a limit, and by the call.
    private Delegate[] _handlers = [];

    public event EventHandler<SoftLimitEventArgs>? Handlers
    {
        add => Change(value, isAdded: true);
        remove => Change(value, isAdded: false);
    }

    // How many calls of a handler threw, and the last exception; null if there was none.
    public long FailedCalls => Interlocked.Read(ref _failedCalls);

    public Exception? LastFailure => Volatile.Read(ref _lastFailure);

    // Has the handlers called, if there are any. False if there is no memory for that. Never throws; under no lock.
    public bool TryQueue(long bytes, long softBytes) =>
        Volatile.Read(ref _handlers).Length == 0 || TryQueueCall(bytes, softBytes);

    // On the thread of the pool.
    public void CallAll(SoftLimitEventArgs args)
    {
        foreach (Delegate handler in Volatile.Read(ref _handlers))
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

    private void Change(Delegate? handler, bool isAdded)
    {
        Delegate[] before;
        Delegate[] after;
        do
        {
            before = Volatile.Read(ref _handlers);
            Delegate? all = Delegate.Combine(before);
            all = isAdded ? Delegate.Combine(all, handler) : Delegate.Remove(all, handler);
            after = all?.GetInvocationList() ?? [];
        }
        while (Interlocked.CompareExchange(ref _handlers, after, before) != before);
    }

    private unsafe bool TryQueueCall(long bytes, long softBytes)
    {
        try
        {
            Call call = new(this, new SoftLimitEventArgs(bytes, softBytes));
            return FrameworkCall.Try(ref call, &Queue) is null;
        }
        catch (OutOfMemoryException)
        {
            // The caller tries again later.
            return false;
        }

        static void Queue(ref Call call) => ThreadPool.UnsafeQueueUserWorkItem(Run, call);

        static void Run(object? call) => ((Call)call!).Run();
    }

    private sealed class Call(SoftLimitNotifier notifier, SoftLimitEventArgs args)
    {
        public void Run() => notifier.CallAll(args);
    }
}
