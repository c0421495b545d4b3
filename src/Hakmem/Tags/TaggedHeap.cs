using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Fallback;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Tags;

// The tagged blocks of a heap: a second heap, of the same options and under the same limits, and who each of its blocks
// belongs to.
//
// Why a second heap: the inlined Free knows blocks of its heap by two compares, and must not learn anything else. A
// tagged block is another heap's to it, so it ends in the slow path, which asks here. So untagged calls pay nothing,
// and a tagged block that is freed through the heap leaves its tag all the same. All tags of a heap share this one,
// with its thread caches and spans; a heap for each tag would cost a span for each size class and tag.
//
// A block's tag is a number beside the arena (TagTable), or in the header of a fallback's block. The number is cleared
// before the block is freed, so a second free finds none, and no figure is changed twice.
//
// Thread-safe. Whoever clears a number has the block. Only TryExpand changes a block's size that others may measure
// meanwhile, so it has a lock.
internal sealed unsafe partial class TaggedHeap
{
    // No heap has a block of so many bytes: it is left to the heap to refuse them, so that no figure overflows.
    private const ulong ImpossibleBytes = 1UL << 60;

    // At least as many as a cache has on the largest machine; a power of two.
    public const int MaxPlaces = 512;

    private static readonly int[] s_blockBytes = CreateBlockBytes();

    private readonly HakmemAllocator _owner;
    private readonly HakmemAllocator _blocks;

    // The slot of _blocks, or one that no thread's table has once that is disposed, or while TryDispose counts.
    private int _slot;

    private readonly UninterruptibleLock _expandLock = new();

    // The table's entry for address 0; null in a fallback.
    private readonly byte* _origin;

    // Throws as the constructor of a heap does, and OutOfMemoryException if the table cannot be reserved.
    public TaggedHeap(HakmemAllocator owner)
    {
        _owner = owner;
        if (owner.Arena is { } arena)
        {
            TagTable table = arena.TryMakeTagTable() ?? throw new OutOfMemoryException(
                "Hakmem could not reserve the table of tagged blocks, an eighth of the arena's " +
                $"{arena.ReservedBytes} bytes of address space; is `ulimit -v` set very low?");
            _origin = table.Origin;
        }

        _blocks = owner.CreateSibling();
        _slot = _blocks.Slot;
    }

    // The heap that the program has.
    public HakmemAllocator Owner => _owner;

    public HakmemAllocator Blocks => _blocks;

    public byte* Origin => _origin;

    // For tests: called by TryDispose before it counts.
    public Action? OnCount { get; set; }

    // A thread's cache of this heap, given that of the shared heap; null if it has none, or must not use it.
    public ThreadCache* CacheOf(ThreadCache* shared) => CurrentThread.PeerOf(shared, Volatile.Read(ref _slot));

    public bool Owns(void* address) => _blocks.Owns(address);

    public void ScheduleTrim() => _blocks.ScheduleTrim();

    // The steady state: a block from the thread's cache. shared is the thread's cache of the shared heap, or null. Null
    // if the slow path has to serve the request. The tag is alive until the block counts for it.
    //
    // Nothing is needed after a call here and in TryFreeCached, so that they keep no registers for it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* TryAllocateCached(TagLedger ledger, MemoryTag tag, ThreadCache* shared, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        if (shared != null && lastByte < SizeClass.MaxBytes && ledger.TryGetShard(shared) is { } shard &&
            shard.IsAttached(shared))
        {
            // As HakmemAllocator.Alloc.
            Bin* bin = (Bin*)shard.Cache + (nint)SizeClass.PlaceOf(lastByte);
            void** top = bin->AllocTop;
            void* block = *top;
            if (block != null)
            {
                bin->AllocTop = top - 1;
                *TagTable.EntryOf(ledger.Origin, block) = ledger.Number;
                if (shard.TryAdd(SizeClass.BytesFor(lastByte)))
                {
                    GC.KeepAlive(tag);
                    return block;
                }

                return Settle(shard, tag, block);
            }
        }

        return null;
    }

    // Allocates a block of any size. Returns null if there is no room; refusing is the tag whose limit it was, or null.
    // isCounted: whether that is counted as a refusal; always if there is an alignment or the block is zeroed.
    public void* TryAllocate(
        TagLedger ledger, nuint byteCount, nuint alignment, bool isZeroed, out TagAccount? refusing,
        bool isCounted = true)
    {
        Argument.RequireAlive(!ledger.Account.IsClosed, typeof(MemoryTag));
        refusing = null;
        bool isPlain = ledger.Account.IsLimited && alignment == 1 && !isZeroed;
        void* block = isPlain ? TryAllocateCounted(ledger, byteCount) : null;
        block = block != null ? block
            : TryAllocateInstead(ledger, byteCount, alignment, isZeroed, had: 0, out refusing, isCounted);
        ledger.Account.TellIfAbove();
        return block;
    }

    // The steady state: frees a block into the thread's cache. False, and nothing has changed, if the block has another
    // ledger, or the slow path has to decide.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFreeCached(TagLedger ledger, ThreadCache* shared, void* block)
    {
        if (shared == null || ledger.TryGetShard(shared) is not { } shard || !shard.IsAttached(shared))
        {
            return false;
        }

        // As HakmemAllocator.Free, but that the number tells second frees. The top is read before the end of the
        // magazine (see CacheReaper).
        ThreadCache* cache = shard.Cache;
        ulong entry = Arena.EntryOf(cache, block);
        nuint offset = PageMapEntry.BinOffsetOf(entry);
        FreeSide* side = ThreadCache.FreeSideAt(cache, offset);
        void** top = side->FreeTop;
        if (!FreeSide.Admits(side, entry, block) || !FreeSide.HasRoom(side, top))
        {
            return false;
        }

        ushort* number = TagTable.EntryOf(ledger.Origin, block);
        if (*number != ledger.Number)
        {
            return false;
        }

        *number = 0;
        top[1] = block;
        side->FreeTop = top + 1;
        if (!shard.TryAdd(-BlockBytesAt(offset)))
        {
            shard.Settle();
        }

        return true;
    }

    // As TryFreeCached, for a block of any ledger: another tag's, or one that counts each call.
    public bool TryFreeCachedOfAny(ThreadCache* shared, void* block)
    {
        ThreadCache* cache = CacheOf(shared);
        if (cache == null)
        {
            return false;
        }

        ulong entry = Arena.EntryOf(cache, block);
        nuint offset = PageMapEntry.BinOffsetOf(entry);
        FreeSide* side = ThreadCache.FreeSideAt(cache, offset);
        void** top = side->FreeTop;
        if (!FreeSide.Admits(side, entry, block) || !FreeSide.HasRoom(side, top))
        {
            return false;
        }

        ushort* number = TagTable.EntryOf(_origin, block);
        TagLedger? ledger = TagLedgers.Find(*number);
        if (ledger is null)
        {
            return false;
        }

        *number = 0;
        top[1] = block;
        side->FreeTop = top + 1;
        ledger.Add(-BlockBytesAt(offset));
        return true;
    }

    // The same for a block that the caller says has at least so many bytes. Throws HakmemCorruptionException for
    // whatever is no live tagged block of this heap, and if the block has fewer bytes; then nothing has changed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Free(void* block, nuint byteCount)
    {
        long bytes = (long)_blocks.RequireSize(block, byteCount);
        TagLedger ledger = TakeLedger(block, "Free");
        bool isFreed = true;
        try
        {
            _blocks.Free(block);
        }
        catch (ObjectDisposedException)
        {
            // A heap that was about to be disposed, and is not since this block is live.
            isFreed = false;
            *NumberOf(block) = ledger.Number;
            throw;
        }
        finally
        {
            // Also after an exception about another block.
            if (isFreed)
            {
                ledger.Add(-bytes);
            }
        }
    }

    public nuint UsableSize(void* block) => _blocks.UsableSize(block);

    // Takes the blocks of a heap that is being disposed from their tags, and then disposes it.
    public void Dispose()
    {
        _slot = int.MaxValue;
        try
        {
            RemoveLedgers();
        }
        finally
        {
            _blocks.Dispose();
        }
    }

    // Takes the blocks of a heap that is disposed from their tags.
    public void RemoveLedgers()
    {
        foreach (TagLedger? ledger in TagLedgers.All())
        {
            if (ledger?.Heap == this)
            {
                ledger.Account.Unlink(ledger);
                TagLedgers.Remove(ledger);
                if (ledger.TryGetView() is { } view)
                {
                    ForeignHeap.MarkGone(view);
                }
            }
        }
    }

    // As HakmemAllocator.TryDispose. The slot goes first, so that the barrier in front of the final count is one for
    // the fast paths here too: each has ended or finds no cache. If this is done, RemoveLedgers is to follow, once
    // nothing can call that off.
    public bool TryDispose()
    {
        int slot = _slot;
        Interlocked.Exchange(ref _slot, int.MaxValue);
        try
        {
            foreach (TagLedger? ledger in TagLedgers.All())
            {
                if (ledger?.Heap == this)
                {
                    ledger.DetachAll();
                }
            }

            OnCount?.Invoke();
            return _blocks.TryDispose();
        }
        finally
        {
            if (!_blocks.IsDisposed)
            {
                Volatile.Write(ref _slot, slot);
            }
        }
    }

    // The ledger of a tag, which is made if there is none.
    public TagLedger LedgerOf(TagAccount account)
    {
        TagLedger? ledger = account.FindLedger(this);
        if (ledger is not null)
        {
            return ledger;
        }

        TagLedger made = new(account, this);
        if (!TagLedgers.TryAdd(made))
        {
            throw new InvalidOperationException(
                $"The process already uses {TagLedgers.MaxCount} tags, which is the most. Dispose one first.");
        }

        ledger = account.Link(made);
        if (ledger != made)
        {
            TagLedgers.Remove(made);
        }

        return ledger;
    }

    // The exception for a request that failed. refusing is the tag whose limit it was, or null.
    public OutOfMemoryException OutOfMemory(nuint byteCount, TagAccount? refusing) => refusing is null
        ? _blocks.OutOfMemory(byteCount)
        : new OutOfMemoryException(
            $"Hakmem could not allocate {byteCount} bytes: {refusing.LiveBytes} of the limit of " +
            $"{refusing.Budget.HardBytes} bytes of the tag '{refusing.Path}' are live.");

    // The size of the blocks of each bin, by the bin's place in a cache.
    private static int[] CreateBlockBytes()
    {
        int[] bytes = new int[MaxPlaces];
        for (int index = 0; index < Stripe.Bins; index++)
        {
            bytes[PageMapEntry.PlaceOf(index)] = SizeClass.BytesOf(Stripe.ClassOf(index));
        }

        return bytes;
    }

    // The steady state of a tag that counts each call. Null if the slow path has to serve the request.
    private void* TryAllocateCounted(TagLedger ledger, nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.PeerOf(CurrentThread.Shared, _slot);
        nuint lastByte = byteCount - 1;
        if (cache == null || lastByte >= SizeClass.MaxBytes)
        {
            return null;
        }

        uint index = SizeClass.IndexOf(lastByte);
        Bin* bin = ThreadCache.BinAt(cache, index);
        long bytes = SizeClass.BytesOf((int)index);
        if (*bin->AllocTop == null || ledger.TryCharge(bytes, isCounted: false) is not null)
        {
            return null;
        }

        void** top = bin->AllocTop;
        void* block = *top;
        if (block == null)
        {
            // The reaper has taken it meanwhile.
            ledger.Add(-bytes);
            return null;
        }

        bin->AllocTop = top - 1;
        *TagTable.EntryOf(_origin, block) = ledger.Number;
        ledger.Account.NoteGrowth();
        return block;
    }

    // Notes that a shard has reached a bound by a new block. Returns the block.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Settle(TagShard shard, MemoryTag tag, void* block)
    {
        shard.Settle();
        GC.KeepAlive(tag);
        return block;
    }

    // The size of the blocks of the bin at an offset in a cache. The mask shows the JIT compiler that it is in range.
    private static int BlockBytesAt(nuint offset) =>
        s_blockBytes[(int)(offset >> PageMapEntry.BinShift) & (MaxPlaces - 1)];

    // Only slow paths take samples.
    private SampleOwnership OwnershipOf(TagLedger ledger) =>
        SampleOwnership.Of(_blocks.IsProfiled ? ledger.Account : null);

    // Where the number of a block is.
    private ushort* NumberOf(void* block) =>
        _origin == null ? &FallbackHeader.Of(block)->Tag : TagTable.EntryOf(_origin, block);

    // Charges the bytes that a block of a size will have beyond those that it has. Returns them, or -1 if a limit
    // refuses them.
    private long TryCharge(
        TagLedger ledger, nuint byteCount, long before, bool isCounted, out TagAccount? refusing)
    {
        refusing = null;
        if (byteCount > ImpossibleBytes)
        {
            return 0;
        }

        long charged = Math.Max((long)_blocks.GoodSize(byteCount) - before, 0);
        refusing = isCounted ? TryChargeCounted(ledger, charged) : ledger.TryCharge(charged, isCounted: false);
        return refusing is null ? charged : -1;
    }

    // Charges bytes. A refusal counts for the tags, and once for the heap.
    private TagAccount? TryChargeCounted(TagLedger ledger, long bytes)
    {
        TagAccount? refusing = ledger.TryCharge(bytes);
        if (refusing is not null)
        {
            _blocks.CountRefusalByTag();
        }

        return refusing;
    }

    // Charges the bytes that a block which grows may get: whole units, or SuperSlabs. Returns them, or -1 if a limit
    // has no room for them, which is not counted as a refusal.
    private long TryChargeGrowth(TagLedger ledger, nuint byteCount, long before)
    {
        if (byteCount > ImpossibleBytes)
        {
            return 0;
        }

        nuint step = (nuint)(byteCount <= Geometry.SlabBytes ? Geometry.UnitBytes : Geometry.SlabBytes);
        nuint most = nuint.Max(_blocks.GoodSize(byteCount), (byteCount + step - 1) & ~(step - 1));
        long charged = Math.Max((long)most - before, 0);
        return ledger.TryCharge(charged, isCounted: false) is null ? charged : -1;
    }

    // Allocates a block and has the ledger count it in place of another of the tag, which has so many bytes; the ledger
    // counts the other as before if it returns null.
    private void* TryAllocateInstead(
        TagLedger ledger, nuint byteCount, nuint alignment, bool isZeroed, long had, out TagAccount? refusing,
        bool isCounted = true)
    {
        refusing = null;
        long charged = ledger.Account.IsLimited ? TryCharge(ledger, byteCount, had, isCounted, out refusing) : 0;
        if (charged < 0)
        {
            return null;
        }

        void* block = null;
        using SampleOwnership ownership = OwnershipOf(ledger);
        try
        {
            block = alignment > 1 ? _blocks.TryAllocAligned(byteCount, alignment)
                : !isCounted ? _blocks.TryAllocUncounted(byteCount)
                : !isZeroed ? _blocks.TryAllocAny(byteCount)
                : _blocks.TryAllocZeroed(byteCount, out void* zeroed) ? zeroed : null;
        }
        finally
        {
            if (block == null)
            {
                Settle(ledger, charged, 0);
            }
        }

        if (block == null)
        {
            return null;
        }

        long bytes = (long)_blocks.SizeOfLive(block);
        if (ledger.Account.IsLimited && bytes > had + charged)
        {
            // Alignment has made the block larger than its size says.
            refusing = TryChargeCounted(ledger, bytes - had - charged);
            if (refusing is not null)
            {
                try
                {
                    _blocks.Free(block);
                }
                finally
                {
                    Settle(ledger, charged, 0);
                }

                return null;
            }

            charged = bytes - had;
        }

        *NumberOf(block) = ledger.Number;
        Settle(ledger, had + charged, bytes);
        NoteGrowth(ledger, charged);
        return block;
    }

    // Has a ledger count what a block has, after something else was charged.
    private static void Settle(TagLedger ledger, long charged, long bytes)
    {
        if (charged != bytes)
        {
            ledger.Add(bytes - charged);
        }
    }

    // What was charged for a block is its tag's growth only now that the heap has served it.
    private static void NoteGrowth(TagLedger ledger, long charged)
    {
        if (charged > 0)
        {
            ledger.Account.NoteGrowth();
        }
    }

    // Takes the block from its tag's numbers: one thread gets it, and others find it freed.
    private TagLedger TakeLedger(void* block, string operation) =>
        TagLedgers.Find(TagTable.Take(NumberOf(block))) ?? throw Misuse.FreedAlready(block, operation);

    private TagLedger FindLedger(void* block, string operation) =>
        TagLedgers.Find(*NumberOf(block)) ?? throw Misuse.FreedAlready(block, operation);
}
