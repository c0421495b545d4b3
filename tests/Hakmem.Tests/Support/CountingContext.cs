using System;
using System.Threading;

namespace Hakmem.Tests.Support;

// Counts waits that the runtime leaves to it, and keeps where the first one was.
internal sealed class CountingContext : SynchronizationContext
{
    public CountingContext() => SetWaitNotificationRequired();

    public int Waits { get; private set; }

    public string? FirstWait { get; private set; }

    public override int Wait(nint[] waitHandles, bool waitAll, int millisecondsTimeout)
    {
        Waits++;
        FirstWait ??= Environment.StackTrace;
        return WaitHelper(waitHandles, waitAll, millisecondsTimeout);
    }
}
