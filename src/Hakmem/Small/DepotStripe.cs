using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The magazines that one stripe of threads has put into a depot: full ones, the newest first, and empty ones.
//
// Thread-safe by Lock, which every member requires but BlocksSeen and Supplier. It is held for the exchange of two
// pointers. Create has the order in which objects keep the threads of two stripes off each other's cache lines.
//
// Invariants: (1) each magazine in Full has blocks, each in Empty has none, and neither has holes; (2) FullCount is the
// length of Full; (3) 0 <= FewestFull <= FullCount; (4) Blocks is the sum of the counts in Full, and of those that are
// detached and that Count has not been told of yet.
internal sealed unsafe partial class DepotStripe
{
    private const int PairBytes = 128;

    private readonly MetadataAllocator _metadata;

    // Guarded by Lock, but for BlocksSeen and Supplier.
    private Lists _lists;

    private DepotStripe(UninterruptibleLock guard, MetadataAllocator metadata)
    {
        Lock = guard;
        _metadata = metadata;
    }

    // The lock is made first, so that its word lies between the end of an earlier object, which is unused if that is a
    // stripe, and what the threads of this stripe read.
    public static DepotStripe Create(MetadataAllocator metadata) => new(new UninterruptibleLock(), metadata);

    public UninterruptibleLock Lock { get; }

    // The number of blocks in full magazines.
    public long Blocks
    {
        get
        {
            Lock.AssertHeld();
            return _lists.Blocks;
        }
    }

    // The same without the lock: a moment old, so one stripe too few or too many is looked into.
    public long BlocksSeen
    {
        get
        {
            OnSeeing();
            return Volatile.Read(ref _lists.Blocks);
        }
    }

    // A trace has a body for it (see benchmarks/Hakmem.Scale); the library has none, and no call is compiled.
    partial void OnSeeing();

    // The number of the stripe that a thread of this one asks first for a magazine. A hint: any value is right.
    public int Supplier
    {
        get => Volatile.Read(ref _lists.Supplier);
        set => Volatile.Write(ref _lists.Supplier, value);
    }

    // Whether a magazine was exchanged since this was last set to false.
    public bool IsUsed
    {
        get
        {
            Lock.AssertHeld();
            return _lists.IsUsed;
        }

        set
        {
            Lock.AssertHeld();
            _lists.IsUsed = value;
        }
    }

    // How many exchanges there were, and how many of them had to wait for the lock. Written under the lock, read
    // without: each is a sum of its own that only grows.
    public (long Exchanges, long Waits) Figures =>
        (Volatile.Read(ref _lists.Exchanges), Volatile.Read(ref _lists.Waits));

    // Enters the lock for an exchange of magazines, which is counted.
    public UninterruptibleLock.Scope EnterToExchange()
    {
        bool isFree = Lock.TryEnter();
        if (!isFree)
        {
            _ = Lock.Enter();
        }

        Volatile.Write(ref _lists.Exchanges, _lists.Exchanges + 1);
        Volatile.Write(ref _lists.Waits, _lists.Waits + (isFree ? 0 : 1));
        _lists.IsUsed = true;
        return new UninterruptibleLock.Scope(Lock);
    }

    // Adds a magazine with any number of blocks.
    public void Put(Magazine* magazine)
    {
        Lock.AssertHeld();
        if (magazine->Count == 0)
        {
            Push(ref _lists.Empty, magazine);
            return;
        }

        Count(magazine->Count);
        Push(ref _lists.Full, magazine);
        _lists.FullCount++;
    }

    // Takes up to wanted blocks, of the newest full magazine: the magazine, if it has no more, else its newest blocks,
    // in the caller's empty magazine or another one. The caller's one stays here if it is not returned. Null, and
    // nothing changes, if there are no blocks, or no memory for a magazine.
    public Magazine* TryTake(Magazine* empty, int wanted)
    {
        Lock.AssertHeld();
        Magazine* taken = _lists.Full;
        if (taken == null)
        {
            return null;
        }

        if (taken->Count <= wanted)
        {
            PopFull();
            Count(-taken->Count);
        }
        else
        {
            taken = TakeEmpty(empty, wanted);
            if (taken == null)
            {
                return null;
            }

            taken->Count = MoveFromFull(Magazine.SlotsOf(taken), Math.Min(wanted, taken->Capacity));
        }

        KeepUnless(taken, empty);
        return taken;
    }

    // Takes full magazines, the newest, as long as some blocks stay, and no more than a number; linked.
    public Magazine* DetachBeyond(long leave, int most)
    {
        Lock.AssertHeld();
        Magazine* detached = null;
        for (int i = 0; i < most && _lists.Full != null && _lists.Blocks - _lists.Full->Count >= leave; i++)
        {
            Magazine* magazine = _lists.Full;
            PopFull();
            Count(-magazine->Count);
            magazine->Next = detached;
            detached = magazine;
        }

        return detached;
    }

    // Takes empty magazines, no more than a number; linked.
    public Magazine* DetachEmpty(int most)
    {
        Lock.AssertHeld();
        Magazine* detached = null;
        for (int i = 0; i < most && _lists.Empty != null; i++)
        {
            Magazine* magazine = Pop(ref _lists.Empty);
            magazine->Next = detached;
            detached = magazine;
        }

        return detached;
    }

    // Adds linked magazines.
    public void PutAll(Magazine* magazines)
    {
        while (magazines != null)
        {
            Magazine* next = magazines->Next;
            Put(magazines);
            magazines = next;
        }
    }

    // Takes one block; null if there is none.
    public void* TryTakeBlock()
    {
        Lock.AssertHeld();
        Magazine* full = _lists.Full;
        if (full == null)
        {
            return null;
        }

        void* block = Magazine.SlotsOf(full)[--full->Count];
        Count(-1);
        _lists.FewestFull = Math.Min(_lists.FewestFull, _lists.FullCount - 1);
        if (full->Count == 0)
        {
            PopFull();
            Push(ref _lists.Empty, full);
        }

        return block;
    }

    // Returns a magazine with room for wanted blocks: the caller's empty one if it has, else another. If there is no
    // memory for one, the caller's own, or null if it has none.
    public Magazine* TakeEmpty(Magazine* empty, int wanted)
    {
        if (empty != null && empty->Capacity >= wanted)
        {
            return empty;
        }

        Magazine* other = PopOrCreateEmpty(wanted);
        return other == null ? empty : other;
    }

    // Keeps the caller's empty magazine unless it is the one that the caller gets.
    public void KeepUnless(Magazine* taken, Magazine* empty)
    {
        if (empty != null && empty != taken)
        {
            Push(ref _lists.Empty, empty);
        }
    }

    public Magazine* PopOrCreateEmpty(int wanted)
    {
        Lock.AssertHeld();
        while (_lists.Empty != null)
        {
            Magazine* magazine = Pop(ref _lists.Empty);
            Debug.Assert(magazine->Count == 0, "A magazine in the list of empty ones has blocks.");
            if (magazine->Capacity >= wanted)
            {
                return magazine;
            }

            // It was created when its thread's capacity was small. The capacities in use only grow, so it goes.
            Magazines.Destroy(_metadata, magazine);
        }

        Magazine* created = Magazines.TryCreate(_metadata, wanted, out Magazine* other);
        if (other != null)
        {
            Push(ref _lists.Empty, other);
        }

        return created;
    }

    // Takes all full magazines off the list; Count is to be told of each.
    public Magazine* DetachAll()
    {
        Lock.AssertHeld();
        Magazine* all = _lists.Full;
        _lists.Full = null;
        _lists.FullCount = 0;
        _lists.FewestFull = 0;
        return all;
    }

    // Takes the oldest full magazines off the list, as many as were not needed since the last call; Count is to be told
    // of each.
    public Magazine* DetachUnneeded()
    {
        Lock.AssertHeld();
        int unneeded = _lists.FewestFull;
        Debug.Assert(unneeded >= 0 && unneeded <= _lists.FullCount, "The low-water mark exceeds the number.");
        int kept = _lists.FullCount - unneeded;
        Magazine* detached = kept == 0 ? _lists.Full : null;
        if (kept == 0)
        {
            _lists.Full = null;
        }
        else
        {
            Magazine* last = _lists.Full;
            for (int i = 1; i < kept; i++)
            {
                last = last->Next;
            }

            detached = last->Next;
            last->Next = null;
        }

        _lists.FullCount = kept;
        _lists.FewestFull = kept;
        return detached;
    }

    // Counts blocks that enter full magazines, or leave them if negative.
    public void Count(long blocks)
    {
        Lock.AssertHeld();
        Volatile.Write(ref _lists.Blocks, _lists.Blocks + blocks);
        Debug.Assert(_lists.Blocks >= 0, "More blocks left the full magazines than entered them.");
    }

    public void DestroyEmpty()
    {
        Lock.AssertHeld();
        while (_lists.Empty != null)
        {
            Magazines.Destroy(_metadata, Pop(ref _lists.Empty));
        }
    }

    public void Verify(HeapCheck check)
    {
        Lock.AssertHeld();
        Magazine* first = _lists.Full;
        int most = _lists.FullCount;
        int magazines = 0;
        long blocks = 0;
        for (Magazine* magazine = first; magazine != null && magazines <= most; magazine = magazine->Next)
        {
            magazines++;
            blocks += magazine->Count;
        }

        check.Require(magazines == most, "a depot counts its full magazines", (nuint)first, magazines);
        check.Require(blocks <= _lists.Blocks, "a depot counts the blocks of its magazines", (nuint)first, blocks);
    }

    private static void Push(ref Magazine* list, Magazine* magazine)
    {
        Debug.Assert(magazine->Holes == 0, "A magazine with holes enters the depot.");
        magazine->Next = list;
        list = magazine;
    }

    private static Magazine* Pop(ref Magazine* list)
    {
        Magazine* magazine = list;
        list = magazine->Next;
        return magazine;
    }

    private void PopFull()
    {
        Debug.Assert(_lists.FullCount > 0, "The count of full magazines is wrong.");
        _lists.FullCount--;
        _lists.FewestFull = Math.Min(_lists.FewestFull, _lists.FullCount);
        Pop(ref _lists.Full);
    }

    // Moves the newest blocks of the newest full magazine, which has more than count; returns count.
    private int MoveFromFull(void** slots, int count)
    {
        Magazine* full = _lists.Full;
        Debug.Assert(full->Count > count, "The full magazine should have been exchanged as a whole.");
        full->Count -= count;
        Count(-count);
        _lists.FewestFull = Math.Min(_lists.FewestFull, _lists.FullCount - 1);
        long bytes = (long)count * sizeof(void*);
        Buffer.MemoryCopy(Magazine.SlotsOf(full) + full->Count, slots, bytes, bytes);
        return count;
    }

    // Cache lines are fetched in pairs, so what threads of other stripes write must not lie in the next line either.
    [StructLayout(LayoutKind.Explicit, Size = 2 * PairBytes)]
    private struct Lists
    {
        [FieldOffset(PairBytes)]
        public Magazine* Full;

        [FieldOffset(PairBytes + 8)]
        public Magazine* Empty;

        // Written under the lock; threads of other stripes read it without, to pass by stripes with nothing to take.
        [FieldOffset(PairBytes + 16)]
        public long Blocks;

        [FieldOffset(PairBytes + 24)]
        public int FullCount;

        // Low-water mark of FullCount since the last DetachUnneeded: that many magazines were not needed.
        [FieldOffset(PairBytes + 28)]
        public int FewestFull;

        [FieldOffset(PairBytes + 32)]
        public bool IsUsed;

        // The stripe that a search for a magazine begins with. Threads of this stripe read and write it under no lock.
        [FieldOffset(PairBytes + 36)]
        public int Supplier;

        // In a Debug build the managed id of the thread that holds the lock, or 0; as in UninterruptibleLock.
        [FieldOffset(PairBytes + 40)]
        public int OwnerThread;

        // See Figures.
        [FieldOffset(PairBytes + 48)]
        public long Exchanges;

        [FieldOffset(PairBytes + 56)]
        public long Waits;
    }
}
