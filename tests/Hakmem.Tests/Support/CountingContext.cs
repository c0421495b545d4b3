using System.Threading;

namespace Hakmem.Tests.Support;

// Counts waits that the runtime leaves to it.
internal sealed class CountingContext : SynchronizationContext
{
    public CountingContext() => SetWaitNotificationRequired();

    public int Waits { get; private set; }

    public override int Wait(nint[] waitHandles, bool waitAll, int millisecondsTimeout)
    {
        Waits++;
        return WaitHelper(waitHandles, waitAll, millisecondsTimeout);
    }
}
