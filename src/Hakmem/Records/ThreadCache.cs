using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Records;

// One thread's free blocks of one heap. Everything the fast paths need hangs off this record, so that they touch no static field.
//
//   +----------------+---------------------------+------------------------------+
//   | head           | 112 bins                  | 112 bin states               |
//   | (one line)     | (a line each)             | (slow paths)                 |
//   +----------------+---------------------------+------------------------------+
//
// Owner: the thread it was made for or that adopted it. While that thread lives, others touch Peers (by its lock) and what the gate admits
// the reaper to (see CacheReaper). Adoption happens under the registry's lock after the owner has ended. Statistics read other threads'
// tops without synchronisation: word-sized reads of values that may be a moment old.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ThreadCache
{
    private const int HeadBytes = 64;

    // The arena's page map.
    public ulong* PageMap;

    // In the cache of the shared heap: this thread's caches of the other heaps, by slot. Grown by the owner, cleared by whoever
    // disposes a heap, both under CurrentThread's lock; read by the owner without it.
    public ThreadCache** Peers;
    public int PeerCount;

    // Where the clock goes on looking for idle bins.
    public byte ClockHand;

    // The first of the heap's stacked classes, or SizeClass.Count if it has none.
    public byte FirstStacked;

    // Whether every visit to the slow path has to go through the heap: where allocations are counted for sampling, and
    // where freed blocks must not be handed out again before they pass the quarantine. Written before the thread has
    // the record.
    public bool CountsAllocations;

    // The most bytes of blocks that the bins' capacities admit.
    public long CapacityBytes;

    // What an unused bin points at: a sentinel without slots. Always null, and where a FreeSide has BlockCount: a page map entry of zero
    // leads Free to this head as if it were a bin, and no number is below a count of zero, whatever address was forged.
    public void* EmptySlot;

    // In the cache of another heap: its thread's cache of the shared heap, whose Peers leads here; null once that
    // thread has ended and one of the two has been taken over or freed. Set by the owner, cleared by others under
    // CurrentThread's lock.
    public ThreadCache* Home;

    // Who may exchange magazines: see CacheGate.
    public int Gate;

    // Which of its heap's caches it is, from 0 on: for tables of what else each thread has. It goes with the record
    // from thread to thread, and passes to a new record once this one is freed.
    public int Number;

    // In a front of HardeningLevel.Checked what Inner is, else null: in the line that the slow paths have at hand.
    public ThreadCache* Checked;

    private BinArray _bins;
    private StateArray _states;

    // With guarded sampling: how many more allocations until the next is sampled. Without, never looked at.
    public int UntilSample;

    // How often the clock has been turned since it last took anything.
    public int UnproductiveSweeps;

    // Null where the bins have magazines. A heap of HardeningLevel.Checked or Full gives its threads a front: a record
    // whose bins stay as before their first use, so that both fast paths end in their slow ones, and this leads to the
    // record with the magazines. Whoever frees or allocates through a front looks the block up in the table of live
    // blocks first.
    public ThreadCache* Inner;

    // In a record behind a front: the origin of the table of live blocks. Written once, before the thread has the
    // record.
    public byte* Live;

    // In a record behind a front: 1 while it is its heap's only cache, so that no other thread frees blocks. Written by
    // the registry, under its lock.
    public int IsAlone;

    // In the same: 1 while its thread is between asking IsAlone and having cleared a block's byte in the table of live
    // blocks. Written by that thread, before it reads IsAlone; read by whoever has cleared IsAlone, after a
    // process-wide barrier. So either the thread sees that it is alone no more, or it is waited for.
    public int IsClaiming;

    // SAFETY (both): a cache is allocated with its full size, and the index is a size class.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bin* BinAt(ThreadCache* cache, uint index) => (Bin*)((byte*)cache + HeadBytes) + index;

    // The record that has the magazines; null for null.
    public static ThreadCache* MagazinesOf(ThreadCache* cache) => cache == null || cache->Inner == null ? cache : cache->Inner;

    // A class's bin as Free sees it, by the place that page map entries carry.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FreeSide* FreeSideAt(ThreadCache* cache, nuint place) => (FreeSide*)((byte*)cache + place);

    // The same by class.
    public static FreeSide* FreeSideOf(ThreadCache* cache, int index) => FreeSideAt(cache, PageMapEntry.BinOffsetOf(index, index >= cache->FirstStacked));

    public static BinState* StateAt(ThreadCache* cache, int index) =>
        (BinState*)((byte*)cache + HeadBytes + (SizeClass.Count * Bin.Bytes)) + index;

    [StructLayout(LayoutKind.Sequential, Size = SizeClass.Count * Bin.Bytes)]
    private struct BinArray
    {
        private Bin _first;
    }

    [StructLayout(LayoutKind.Sequential, Size = SizeClass.Count * BinState.Bytes)]
    private struct StateArray
    {
        private BinState _first;
    }
}
