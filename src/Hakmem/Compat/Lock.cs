using System.Threading;

namespace Hakmem.Compat;

// Stands in for System.Threading.Lock. The lock statement takes its monitor, as it does any object's.
internal sealed class Lock
{
    public bool TryEnter() => Monitor.TryEnter(this);

    public void Exit() => Monitor.Exit(this);
}
