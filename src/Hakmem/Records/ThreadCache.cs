using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Records;

// One thread's free blocks of one heap. The fast paths find everything from this record, without static fields.
//
//   +------------+---------------+------------------+-----------+-----------------+------------------+
//   | head       | 112 bins      | 112 bin states   | rest      | bins of stripes | their bin states |
//   | (one line) | (a line each) | (slow paths)     |           | (a line each)   | (slow paths)     |
//   +------------+---------------+------------------+-----------+-----------------+------------------+
//                                                               ^ FixedBytes
//
// A bin has two sides. That of Alloc (AllocTop, Primary) is in the bin of the size class. That of Free (FreeSide,
// Secondary) is in the same bin, except for striped classes: there each stripe has a bin for it, of which one is the
// thread's own, and the others collect blocks that go home (see Stripe).
//
// Owner: the thread for which it was created, or that adopted it under the registry's lock after the owner's end. While
// the owner lives, others access only Peers (under its lock) and, as the reaper, what the gate protects. Statistics
// read other threads' tops without synchronisation: word-sized reads of values that may be a moment old.
[StructLayout(LayoutKind.Sequential, Size = FixedBytes)]
internal unsafe struct ThreadCache
{
    // As page map entries require it, one bin's size.
    private const int HeadBytes = Bin.Bytes;

    // What is behind the bin states of the size classes, before the bins of stripes.
    private const int RestBytes = 64;

    // The part of the record whose length does not depend on the number of stripes.
    private const int FixedBytes = HeadBytes + (SizeClass.Count * (Bin.Bytes + BinState.Bytes)) + RestBytes;

    // Where the bins of stripes begin, by the size of a bin.
    public const int FirstStripedPlace = FixedBytes / Bin.Bytes;

    // The arena's page map.
    public ulong* PageMap;

    // In the cache of the shared heap: this thread's caches of the other heaps, by slot. The owner grows it, and a
    // thread that disposes a heap clears its entry, both under CurrentThread's lock; the owner reads it without.
    public ThreadCache** Peers;
    public int PeerCount;

    // The bin at which the clock continues its search for idle ones.
    public ushort ClockHand;

    // The first of the cache's stacked classes, or SizeClass.Count if it has none, as under a profiler. Changed by the
    // owner, inside the gate, while no bin has a magazine; statistics may read an old value.
    public byte FirstStacked;

    // Whether every visit to the slow path has to go through the heap: where allocations are counted for sampling, and
    // where freed blocks must not be handed out again before they pass the quarantine. Written before the thread has
    // the record, set by a thread that starts a profiler, and cleared by the owner after the profiler has stopped.
    public bool CountsAllocations;

    // What remains of an address, shifted to bytes of the page map, to give its entry's place; see Arena.EntryOf.
    public nuint PageMapMask;

    // The sentinel of an unused bin's tops, always null. It lies where a FreeSide has SpanBytes: a page map entry of
    // zero leads Free to this head as if it were a bin, and no offset is below zero bytes.
    public void* EmptySlot;

    // In the cache of another heap: its thread's cache of the shared heap, whose Peers contains this one; null once one
    // of the two is adopted or freed. Set by the owner, cleared by others under CurrentThread's lock.
    public ThreadCache* Home;

    // Decides whether the owner or the reaper may exchange magazines: see CacheGate.
    public int Gate;

    // The number of the cache in its heap, from 0 on, as an index of other tables by thread. It stays with the record
    // when another thread adopts it, and passes to a new record once this one is freed.
    public int Number;

    // In a front of HardeningLevel.Checked the same as Inner, else null: in the cache line that slow paths read anyway.
    public ThreadCache* Checked;

    private BinArray _bins;
    private StateArray _states;

    // The most bytes of blocks that the bins may contain, by their capacities.
    public long CapacityBytes;

    // The number of the clock's turns since it last flushed a bin.
    public int UnproductiveSweeps;

    // The first bin of the thread's own stripe, or 0 in a heap without stripes. Written when the record is made.
    public int OwnStriped;

    // In the cache of the shared heap: a number that no record had before, from 1 on; another one for each thread that
    // gets the record, and whenever a cache was taken out of Peers. Written by the thread that gets the record, and
    // under CurrentThread's lock, before such a cache's memory is used for anything else; read by the owner without.
    // Whoever notes a peer notes this number before it, and trusts the peer while the number is the same.
    public long PeerChanges;

    // Null if the bins have magazines. The threads of a heap of HardeningLevel.Checked or Full have a front: a record
    // whose bins stay unused, so that both fast paths end in their slow ones. Inner is then the record with the
    // magazines. Every free and allocation through a front first reads or writes the table of live blocks.
    public ThreadCache* Inner;

    // In a record behind a front: the origin of the table of live blocks. Written once, before the thread receives it.
    public byte* Live;

    // In a record behind a front: 1 while it is its heap's only cache. The registry writes it, under its lock.
    public int IsAlone;

    // In the same: 1 from before its thread reads IsAlone until it has cleared a block's byte in the table of live
    // blocks. That thread writes it; the registry reads it after it has cleared IsAlone and run a process-wide barrier.
    // So either the thread sees that it is no longer alone, or the registry waits for it.
    public int IsClaiming;

    // While allocations are sampled: when the next one of each class is. Otherwise null. Only the owner
    // reads and writes it, or a thread that destroys the record.
    public ProfileState* Profile;

    // The size of a record with the bins of all stripes.
    public static int Bytes => FixedBytes + ((Stripe.Bins - SizeClass.Count) * (Bin.Bytes + BinState.Bytes));

    // SAFETY (all): a cache is allocated with its full size, and the index is one of a bin.

    // The bin of a size class: for Alloc.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bin* BinAt(ThreadCache* cache, uint sizeClass) => (Bin*)((byte*)cache + HeadBytes) + sizeClass;

    // Any bin.
    public static Bin* BinOf(ThreadCache* cache, int index) => (Bin*)cache + PageMapEntry.PlaceOf(index);

    // The record that has the magazines; null for null.
    public static ThreadCache* MagazinesOf(ThreadCache* cache) =>
        cache == null || cache->Inner == null ? cache : cache->Inner;

    // The bin that a thread's blocks of a size class come from.
    public static int OwnIndexOf(ThreadCache* cache, int sizeClass) =>
        sizeClass < Stripe.ClassCount && cache->OwnStriped != 0 ? cache->OwnStriped + sizeClass : sizeClass;

    // The first index of a bin that has a side for Free.
    public static int FirstIndexOf(ThreadCache* cache) => cache->OwnStriped != 0 ? Stripe.ClassCount : 0;

    // The bin with AllocTop and Primary. For another stripe, whose blocks the thread does not allocate, the bin itself,
    // in which AllocTop always points at the sentinel and Primary is null.
    public static Bin* AllocBinOf(ThreadCache* cache, int index) =>
        BinOf(cache, IsOwnStriped(cache, index) ? index - cache->OwnStriped : index);

    // Whether a bin is of a stripe that is not the thread's own.
    public static bool IsForeign(ThreadCache* cache, int index) =>
        index >= SizeClass.Count && !IsOwnStriped(cache, index);

    // Whether a bin has one stack for Alloc and Free, not a pair of magazines.
    public static bool IsStacked(ThreadCache* cache, int index) =>
        index >= cache->FirstStacked && index < SizeClass.Count;

    // The FreeSide of a bin, by the offset that page map entries contain.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FreeSide* FreeSideAt(ThreadCache* cache, nuint binOffset) => (FreeSide*)((byte*)cache + binOffset);

    // The same by index.
    public static FreeSide* FreeSideOf(ThreadCache* cache, int index) =>
        FreeSideAt(cache, PageMapEntry.BinOffsetOf(index, IsStacked(cache, index)));

    public static BinState* StateAt(ThreadCache* cache, int index) => index < SizeClass.Count
        ? (BinState*)((byte*)cache + HeadBytes + (SizeClass.Count * Bin.Bytes)) + index
        : (BinState*)((Bin*)((byte*)cache + FixedBytes) + (Stripe.Bins - SizeClass.Count)) + (index - SizeClass.Count);

    private static bool IsOwnStriped(ThreadCache* cache, int index) =>
        cache->OwnStriped != 0 && (uint)(index - cache->OwnStriped) < Stripe.ClassCount;

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
