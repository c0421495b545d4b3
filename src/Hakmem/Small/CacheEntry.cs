using System.Threading;
using Hakmem.Records;

namespace Hakmem.Small;

// One cache in its heap's registry, with the thread it belongs to. Guarded by the registry's lock.
internal sealed unsafe class CacheEntry(Thread thread)
{
    public ThreadCache* Cache { get; set; }

    // The same, or what it is the front of.
    public ThreadCache* Magazines => ThreadCache.MagazinesOf(Cache);

    // Whether the reaper holds the cache's gate now.
    public bool IsHeld { get; set; }

    // False once the thread has run its last managed instruction; what it wrote last is then visible. (The runtime clears the state by
    // an interlocked write.)
    public bool IsAlive()
    {
        // The calling thread need not be asked, nor what asking takes be loaded, in a process that has no other.
        if (thread == Thread.CurrentThread || thread.IsAlive)
        {
            return true;
        }

        Interlocked.MemoryBarrier();
        return false;
    }

    // Whether the thread was in no fast path at a moment after the call began; what it wrote before is then visible. A thread in a
    // managed wait entered it by an interlocked write of the runtime, and runs no code of the program until it has left it; except a
    // single-threaded apartment's, whose waits dispatch messages. The calling thread is in no fast path either.
    public bool IsAtRest()
    {
        bool isAtRest = thread == Thread.CurrentThread ||
            ((thread.ThreadState & ThreadState.WaitSleepJoin) != 0 && thread.GetApartmentState() != ApartmentState.STA);
        Interlocked.MemoryBarrier();
        return isAtRest;
    }
}
