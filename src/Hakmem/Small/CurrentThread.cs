using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Finds a thread's caches: one thread-static pointer leads to its cache of the shared heap, whose table of peers has
// its caches of other heaps by slot. This class has no static constructor, so that no caller pays for a check of it.
//
// Invariant: if a cache has a Home, the Home's table has the cache at its heap's slot, and the reverse. Both ends of
// such a link are cleared under the peers' lock before either record is adopted by another thread or freed, so neither
// end ever points to freed memory.
internal static unsafe class CurrentThread
{
    // The largest ThreadCache.PeerChanges. Interlocked.
    private static long s_lastChange;

    // Null until the thread's first slow path.
    [ThreadStatic]
    private static ThreadCache* t_shared;

    // Guards the growth of every peer table against the clearing of entries by threads that dispose heaps. Interlocked,
    // and never changed again: Prepare makes it.
    private static UninterruptibleLock? s_peersLock;

    // The calling thread's cache of the shared heap, or null if it has none yet.
    public static ThreadCache* Shared
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => t_shared;
    }

    // A thread's cache of another heap, found by that of the shared heap; null if it has none yet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThreadCache* PeerOf(ThreadCache* shared, int heapSlot) =>
        shared == null || (uint)heapSlot >= (uint)shared->PeerCount ? null : shared->Peers[heapSlot];

    // Called under no lock, before the first cache is made: the rest of this class needs no managed memory. Throws
    // OutOfMemoryException if that is out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare()
    {
        if (s_peersLock is null)
        {
            ManagedMemory.Need();
            Interlocked.CompareExchange(ref s_peersLock, new UninterruptibleLock(), null);
        }
    }

    // Sets the calling thread's cache of the shared heap, or none.
    public static void SetShared(ThreadCache* cache)
    {
        if (cache != null)
        {
            cache->PeerChanges = Interlocked.Increment(ref s_lastChange);
        }

        t_shared = cache;
    }

    // Makes room for a heap in the calling thread's table, once Shared is not null. False if memory is out.
    public static bool TryMakeRoom(MetadataAllocator metadata, int heapSlot)
    {
        ThreadCache* shared = t_shared;
        if (heapSlot < shared->PeerCount)
        {
            return true;
        }

        using (PeersLock.Enter())
        {
            int bytes = MetadataAllocator.RoundUp((heapSlot + 1) * sizeof(ThreadCache*));
            ThreadCache** peers = (ThreadCache**)metadata.TryAllocate(bytes);
            if (peers == null)
            {
                return false;
            }

            Buffer.MemoryCopy(shared->Peers, peers, bytes, shared->PeerCount * sizeof(ThreadCache*));
            FreePeers(metadata, shared);
            shared->Peers = peers;
            shared->PeerCount = bytes / sizeof(ThreadCache*);
            return true;
        }
    }

    // Sets the calling thread's cache of a heap, after TryMakeRoom.
    public static void SetPeer(int heapSlot, ThreadCache* peer)
    {
        Debug.Assert(heapSlot < t_shared->PeerCount, "There is no room for this heap's cache.");
        peer->Home = t_shared;
        t_shared->Peers[heapSlot] = peer;
    }

    // Removes a cache from its thread's table, on any thread, if its thread has ended or its heap is being disposed.
    public static void Unlink(ThreadCache* peer, int heapSlot)
    {
        using (PeersLock.Enter())
        {
            ThreadCache* home = peer->Home;
            peer->Home = null;
            if (home != null && heapSlot < home->PeerCount && home->Peers[heapSlot] == peer)
            {
                home->Peers[heapSlot] = null;
                CountChange(home);
            }
        }
    }

    // Clears the whole table of a thread that has ended, so that no cache points back to it.
    public static void ClearPeers(MetadataAllocator metadata, ThreadCache* shared)
    {
        using (PeersLock.Enter())
        {
            for (int slot = 0; slot < shared->PeerCount; slot++)
            {
                ThreadCache* peer = shared->Peers[slot];
                if (peer != null)
                {
                    Debug.Assert(peer->Home == shared, "A peer's Home is another thread's cache.");
                    peer->Home = null;
                }
            }

            FreePeers(metadata, shared);
        }
    }

    private static UninterruptibleLock PeersLock
    {
        get
        {
            Debug.Assert(s_peersLock is not null, "Prepare comes before the first cache.");
            return s_peersLock!;
        }
    }

    private static void CountChange(ThreadCache* shared)
    {
        PeersLock.AssertHeld();
        Volatile.Write(ref shared->PeerChanges, Interlocked.Increment(ref s_lastChange));
    }

    private static void FreePeers(MetadataAllocator metadata, ThreadCache* shared)
    {
        PeersLock.AssertHeld();
        if (shared->Peers != null)
        {
            metadata.Free(shared->Peers, shared->PeerCount * sizeof(ThreadCache*));
            shared->Peers = null;
            shared->PeerCount = 0;
        }
    }
}
