using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The way from a thread to its caches: one thread-static pointer, to its cache of the shared heap; from there the caches of other heaps
// by slot. This class has no static constructor, so that no caller pays for a check of it.
//
// Invariant: where a cache has a Home, the Home's table has the cache in its heap's place, and the other way round.
// Both ends of such a link are cleared under the peers' lock before either record goes to another thread or is freed,
// so that neither ever leads to freed memory.
internal static unsafe class CurrentThread
{
    // Read and written by its own thread only; null until the thread's first slow path.
    [ThreadStatic]
    private static ThreadCache* t_shared;

    // Guards the growth of every peer table against the clearing of entries by threads that dispose heaps.
    private static UninterruptibleLock? s_peersLock;

    // The calling thread's cache of the shared heap, or null if it has none yet.
    public static ThreadCache* Shared
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => t_shared;
    }

    // A thread's cache of another heap, given that of the shared heap; null if it has none yet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThreadCache* PeerOf(ThreadCache* shared, int heapSlot) =>
        shared == null || (uint)heapSlot >= (uint)shared->PeerCount ? null : shared->Peers[heapSlot];

    // Gives the calling thread its cache of the shared heap.
    public static void SetShared(ThreadCache* cache) => t_shared = cache;

    // Makes room for a heap in the calling thread's table; it must have a cache of the shared heap. False if memory is out.
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
            ReleasePeers(metadata, shared);
            shared->Peers = peers;
            shared->PeerCount = bytes / sizeof(ThreadCache*);
            return true;
        }
    }

    // Enters the calling thread's cache of a heap that there is room for.
    public static void SetPeer(int heapSlot, ThreadCache* peer)
    {
        peer->Home = t_shared;
        t_shared->Peers[heapSlot] = peer;
    }

    // Takes a cache out of its thread's table, if it is in one, on any thread. The cache's thread has ended, or its
    // heap is being disposed.
    public static void Unlink(ThreadCache* peer, int heapSlot)
    {
        using (PeersLock.Enter())
        {
            ThreadCache* home = peer->Home;
            peer->Home = null;
            if (home != null && heapSlot < home->PeerCount && home->Peers[heapSlot] == peer)
            {
                home->Peers[heapSlot] = null;
            }
        }
    }

    // Clears the whole table of a thread that has ended, so that no cache leads back to it.
    public static void ClearPeers(MetadataAllocator metadata, ThreadCache* shared)
    {
        using (PeersLock.Enter())
        {
            for (int slot = 0; slot < shared->PeerCount; slot++)
            {
                ThreadCache* peer = shared->Peers[slot];
                if (peer != null)
                {
                    peer->Home = null;
                }
            }

            ReleasePeers(metadata, shared);
        }
    }

    private static UninterruptibleLock PeersLock =>
        s_peersLock ?? Interlocked.CompareExchange(ref s_peersLock, new UninterruptibleLock(), null) ?? s_peersLock;

    private static void ReleasePeers(MetadataAllocator metadata, ThreadCache* shared)
    {
        if (shared->Peers != null)
        {
            metadata.Free(shared->Peers, shared->PeerCount * sizeof(ThreadCache*));
            shared->Peers = null;
            shared->PeerCount = 0;
        }
    }
}
