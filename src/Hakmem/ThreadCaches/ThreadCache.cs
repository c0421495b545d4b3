using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hakmem.Arenas;
using Hakmem.SizeClasses;

namespace Hakmem.ThreadCaches;

// One thread's free blocks of one heap. Everything the fast paths need hangs off this record, so that they touch no static field.
//
//   +----------------+---------------------------+-----------------------------+
//   | head           | 128 bins, 112 of them     | 112 bin states              |
//   | (one line)     | classes: fast paths       | (slow paths)                |
//   +----------------+---------------------------+-----------------------------+
//
// Bins 112 .. 127 have no class: a page map entry's class byte can index them, and they refuse every address.
//
// Owner: the thread it was made for or that adopted it; no field is shared while that thread lives, so there is no ordering to state.
// Adoption happens under the registry's lock after the owner has ended. Statistics read Top and the magazines' counts of other
// threads' caches without synchronisation: word-sized reads of values that may be a moment old.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ThreadCache
{
    public const int BinCount = 128;

    // The arena's Base.
    public byte* ArenaBase;

    // The heap's tag as page map entries carry it.
    public ulong Tag;

    // In the cache of the shared heap: this thread's caches of the other heaps, by slot. Grown by the owner, cleared by whoever
    // disposes a heap, both under PeerTables' lock; read by the owner without it.
    public ThreadCache** Peers;
    public int PeerCount;

    // Where the clock goes on looking for idle bins.
    public int ClockHand;

    // The most bytes of blocks that the bins' capacities admit.
    public long CapacityBytes;

    // What an unused bin points at: a sentinel without slots.
    public void* EmptySlot;

    // In the cache of another heap: its thread's cache of the shared heap, whose Peers leads here.
    public ThreadCache* Home;

    private BinArray _bins;
    private StateArray _states;

    // SAFETY: a cache is allocated with its full size, and the index is a size class or a masked class byte, below BinCount.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bin* BinAt(ThreadCache* cache, uint index) => (Bin*)((byte*)cache + HeadBytes) + index;

    public static BinState* StateAt(ThreadCache* cache, int index) =>
        (BinState*)((byte*)cache + HeadBytes + (BinCount * Bin.Bytes)) + index;

    private const int HeadBytes = 64;

    [InlineArray(BinCount)]
    private struct BinArray
    {
        private Bin _first;
    }

    [InlineArray(SizeClass.Count)]
    private struct StateArray
    {
        private BinState _first;
    }

    // A new cache, all bins unused; null if memory is out.
    public static ThreadCache* TryCreate(Arena arena, int heapSlot, SizeClassInfo[] classes)
    {
        ThreadCache* cache = (ThreadCache*)arena.Metadata.TryAllocate(sizeof(ThreadCache));
        if (cache == null)
        {
            return null;
        }

        cache->ArenaBase = arena.Base;
        cache->Tag = PageMapEntry.TagOf(heapSlot);
        foreach (SizeClassInfo info in classes)
        {
            Bin* bin = BinAt(cache, (uint)info.Index);
            bin->Reciprocal = info.Reciprocal;
            bin->SpanBlockBytes = (ulong)info.SpanBlockBytes;
            bin->Top = &cache->EmptySlot;
            bin->End = &cache->EmptySlot;
        }

        return cache;
    }

    public static void Destroy(Arena arena, ThreadCache* cache) => arena.Metadata.Free(cache, sizeof(ThreadCache));

    // How many blocks the bin of a class holds in its loaded magazine. Zero when there is none.
    public static int LoadedCount(ThreadCache* cache, int index)
    {
        BinState* state = StateAt(cache, index);
        return state->Loaded == null
            ? 0
            : (int)(BinAt(cache, (uint)index)->Top - Depots.Magazine.SlotsOf(state->Loaded)) + 1;
    }
}
