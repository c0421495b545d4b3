using System.Threading;
using Hakmem.Records;

namespace Hakmem.Small;

// A cache with its thread. Guarded by the registry's lock, which ThreadCacheRegistry.Entries checks.
internal sealed unsafe class CacheEntry(Thread thread)
{
    public ThreadCache* Cache { get; set; }

    // The record that has the magazines: the cache itself, or the one behind it if it is a front.
    public ThreadCache* Magazines => ThreadCache.MagazinesOf(Cache);

    // Whether the reaper holds the cache's gate.
    public bool IsHeld { get; set; }

    // False once the thread has run its last managed instruction (an interlocked write); its last writes are visible.
    public bool IsAlive()
    {
        // The first comparison spares a process with one thread the loading of what IsAlive needs.
        if (thread == Thread.CurrentThread || thread.IsAlive)
        {
            return true;
        }

        Interlocked.MemoryBarrier();
        return false;
    }

    // Whether the thread was in no fast path at a moment after the call began; its writes before that are then visible.
    // A thread enters a managed wait by an interlocked write of the runtime, and runs no code of the program until it
    // leaves it. Single-threaded apartments are excluded, because their waits dispatch messages. The calling thread is
    // in no fast path either.
    public bool IsAtRest()
    {
        bool isAtRest = thread == Thread.CurrentThread ||
            ((thread.ThreadState & ThreadState.WaitSleepJoin) != 0 && thread.GetApartmentState() != ApartmentState.STA);
        Interlocked.MemoryBarrier();
        return isAtRest;
    }
}
