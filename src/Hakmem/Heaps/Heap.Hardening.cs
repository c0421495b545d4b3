using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Guarded;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// The heap's part in hardening: which block is served by what, and what becomes of findings. A finding that belongs to the call that made
// it is thrown by it; one that came to light on the way (another block was damaged) is thrown when the call's own work is done.
internal sealed unsafe partial class Heap
{
    // Null but with HardeningLevel.Checked and Full: the origin of the table that has a 1 exactly where a live block of
    // such a heap begins. Every block is entered when it is handed out, and claimed by whoever frees or resizes it.
    private readonly byte* _live;

    // Null but with full hardening or guarded sampling. These three are set by the constructor and nobody else.
    private GuardedBlocks? _guards;

    // Null but with full hardening.
    private readonly PoisonedBlocks? _poisoned;

    // Null but with guarded sampling.
    private AllocationSampler? _sampler;

    private int Stack => _limits.CaptureStacks ? StackCapture.Take(StackTable.Instance) : StackTable.None;

    // The steady state of a heap of HardeningLevel.Checked, which HakmemAllocator's inlined paths leave to these two:
    // what they do themselves elsewhere, and the live table. The cache is the one with the magazines. Neither asks the
    // heap for anything, and what is rare is in methods of its own, so that no register is saved on the way.

    // A block of a class from the cache; null where there is none, and the longer way is to be taken.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* TryTakeChecked(ThreadCache* cache, uint index)
    {
        Bin* bin = ThreadCache.BinAt(cache, index);
        void** top = bin->AllocTop;
        void* block = *top;
        if (block != null)
        {
            bin->AllocTop = top - 1;
            LiveTable.Begin(cache->Live, block);
        }

        return block;
    }

    // False, and nothing is changed, where the longer way is to be taken: there is no room, or something is wrong.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFreeChecked(ThreadCache* cache, void* ptr)
    {
        ulong entry = Arena.EntryOf(cache->PageMap, ptr);
        FreeSide* put = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        void** top = put->FreeTop;
        if (!FreeSide.Admits(put, entry, ptr) || top >= put->FreeEnd)
        {
            return false;
        }

        if (!TryClaim(cache, ptr))
        {
            return false;
        }

        // From here on the block is this thread's alone, and its entry cannot change. If it has changed since it was
        // read, the block is another, and the one that the caller means was freed before.
        if (Arena.EntryOf(cache->PageMap, ptr) == entry)
        {
            top[1] = ptr;
            put->FreeTop = top + 1;
            return true;
        }

        ThrowFreedBefore(cache, ptr);
        return true;
    }

    // Whether a live block began here. It does no more, and is the caller's.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryClaim(ThreadCache* cache, void* ptr)
    {
        // An atomic exchange takes longer than all the rest of a free, and while the heap has one cache nobody races
        // with its thread. Who makes it two waits until IsClaiming is 0: see ThreadCacheRegistry.
        Volatile.Write(ref cache->IsClaiming, 1);
        bool isLive = Volatile.Read(ref cache->IsAlone) != 0
            ? LiveTable.TryEndAlone(cache->Live, ptr)
            : LiveTable.TryEnd(cache->Live, ptr);
        Volatile.Write(ref cache->IsClaiming, 0);
        return isLive;
    }

    // For a block that is another by now, whose claim is undone.
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ThrowFreedBefore(ThreadCache* cache, void* ptr)
    {
        LiveTable.Begin(cache->Live, ptr);
        throw Misuse.FreedAlready(ptr, "Free");
    }

    // The same two of a heap with full hardening, for blocks that do not lie between guard pages.
    public void* TryTakePoisoned(ThreadCache* cache, int index, nuint byteCount)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        void** top = bin->AllocTop;
        void* block = *top;
        if (block == null)
        {
            return null;
        }

        bin->AllocTop = top - 1;
        _poisoned!.Expect((byte*)top[-1], index);
        HandOut((byte*)block, index, byteCount);
        LiveTable.Begin(cache->Live, block);
        return block;
    }

    public bool TryFreePoisoned(ThreadCache* cache, void* ptr)
    {
        ulong entry = Arena.EntryOf(cache->PageMap, ptr);
        FreeSide* put = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        if (!FreeSide.Admits(put, entry, ptr))
        {
            return false;
        }

        int stack = Stack;
        if (!TryClaim(cache, ptr))
        {
            return false;
        }

        if (!IsStillOf(entry, ptr))
        {
            ThrowFreedAlready(ptr);
        }

        int index = PageMapEntry.SizeClassOf(entry);
        _poisoned!.Freed((byte*)ptr, index, stack);

        // In this order: the reaper closes a bin before it takes the block that was freed last.
        void** top = put->FreeTop;
        if (top < put->FreeEnd)
        {
            top[1] = ptr;
            put->FreeTop = top + 1;
        }
        else
        {
            Quarantine(cache, index, ptr);
        }

        return true;
    }

    // Checks a block that was taken, and throws if it was written to since it was freed: it is in its span again then.
    private void HandOut(byte* block, int index, nuint byteCount)
    {
        if (!_poisoned!.IsWhole(block, index))
        {
            ThrowIfFound(_poisoned.Refuse(block, index));
        }

        _poisoned.Allocated(block, byteCount, Stack);
    }

    // Puts a block that was freed into the cache, and what there is no room for into quarantine.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Quarantine(ThreadCache* cache, int index, void* block)
    {
        void** taken = stackalloc void*[PoisonedBlocks.MaxMagazine + 1];
        int count = _exchange.FreeOneWay(cache, index, block, taken);
        HakmemCorruptionException? finding = count > 0 ? _poisoned!.Quarantine(taken, count, index) : null;
        if (_depotBudget.IsExceeded)
        {
            _depotBudget.FlushExcess(_depots, index);
        }

        PurgeAndNotify();
        ThrowIfFound(finding);
    }

    [DoesNotReturn]
    private void ThrowFreedAlready(void* ptr) =>
        throw _poisoned?.DoubleFree((nuint)ptr, "Free") ?? Misuse.FreedAlready(ptr, "Free");

    // Whether a block that has just been claimed has the page map's entry that it had before. If not, another thread
    // freed it meanwhile, and what begins there now is entered again.
    private bool IsStillOf(ulong entry, void* block)
    {
        if (Arena.EntryOf(_arena.PageMap, block) == entry)
        {
            return true;
        }

        MarkLive(block);
        return false;
    }

    private static byte* RequireLiveTable(Arena arena)
    {
        LiveTable? table = arena.TryMakeLiveTable();
        return table is not null ? table.Origin : throw new OutOfMemoryException(
            $"Hakmem could not reserve the table of live blocks, a sixteenth of the arena's {arena.ReservedBytes} bytes of address space, which " +
            "HakmemOptions.Hardening asks for; is `ulimit -v` set very low?");
    }

    // These two apart from the constructor, so that what they make is not so much as loaded where nothing is hardened.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private PoisonedBlocks NewPoisoned() => new(_arena, _depots, _classes, _limits.QuarantineBytes);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Harden(bool isFull)
    {
        if (!isFull || _limits.CaptureStacks)
        {
            // Here, where an exception would leave nothing behind, rather than between two steps.
            StackCapture.Prepare();
        }

        _guards = new GuardedBlocks(_arena, new GuardedRanges(_arena, _units, _runs), _limits.QuarantineBytes);
        _sampler = isFull ? null : new AllocationSampler(_guards, _limits.GuardedSampleInterval);
        if (_limits.FaultReports)
        {
            // Where it cannot be, a fault goes unexplained, as it would without.
            _arena.TryReportFaults();
        }
    }

    // Enters a block that is about to be handed out, or null, where live blocks are recorded. Gives the block.
    public void* MarkLive(void* block)
    {
        if (_live != null && block != null)
        {
            LiveTable.Begin(_live, block);
        }

        return block;
    }

    // Resolves an address and refuses it if it is known to be free. Where live blocks are recorded, the block is not
    // one any more, and only the calling thread may free it now, or enter it again.
    private BlockInfo Claim(ThreadCache* cache, void* address, string operation)
    {
        if (_live == null)
        {
            return Resolve(cache, address, operation);
        }

        if (cache == null)
        {
            // A thread for whose cache there is no memory: the thread with the only cache is not alone.
            _registry.EndAlone();
        }

        ulong entry = Arena.EntryOf(_arena.PageMap, address);
        BlockInfo block = _resolver.Resolve(address, operation);
        return LiveTable.TryEnd(_live, address) && IsStillOf(entry, address) ? block : throw FreedAlready(block, address, operation);
    }

    // With full hardening every block; with guarded sampling one if it is due, else null. Null also if memory is out.
    private void* TryAllocateHardened(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (_poisoned == null)
        {
            return _sampler!.TryAllocate(cache, byteCount, alignment, isZeroed);
        }

        int index = ClassFor(byteCount, alignment);
        if (index < 0 || _classes[index].BlockBytes > PoisonedBlocks.MaxBytes)
        {
            return _guards!.TryAllocate(byteCount, alignment, isZeroed, Stack);
        }

        void* block = cache != null ? TakeCached(cache, index) : _depots[index].TryAllocOne(out _);
        if (block != null)
        {
            HandOut((byte*)block, index, byteCount);
        }

        if (block != null && isZeroed)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    private HakmemCorruptionException? FreeHardened(BlockInfo block, void* address)
    {
        if (block.Kind == BlockKind.Guarded)
        {
            return FreeGuarded(block, address, isHeld: false);
        }

        _poisoned!.Freed((byte*)address, block.SizeClass, Stack);
        return _poisoned.Quarantine(&address, 1, block.SizeClass);
    }

    private HakmemCorruptionException? FreeGuarded(BlockInfo block, void* address, bool isHeld)
    {
        // Sampled blocks have their stacks kept, asked for or not.
        int stack = _sampler != null ? StackCapture.Take(StackTable.Instance) : Stack;
        return _guards!.Free(block.First, (nuint)address, stack, isHeld);
    }

    // Throws if a block, found by the resolver, is known to be free by the records of the heap's level or of guarded
    // blocks.
    private void RequireLive(BlockInfo block, void* address, string operation)
    {
        if (_live != null ? !LiveTable.IsLive(_live, address) : !_guards!.IsLive(block.First, (nuint)address))
        {
            throw FreedAlready(block, address, operation);
        }
    }

    private HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation) => block.Kind == BlockKind.Guarded
        ? _guards!.DoubleFree(block.First, (nuint)address, operation)
        : _poisoned?.DoubleFree((nuint)address, operation) ?? Misuse.FreedAlready(address, operation);

    // Empties the quarantines, into which what the calling thread has freed goes first; its cache may be null. Gives
    // what was found to be damaged.
    private HakmemCorruptionException? FlushQuarantines(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = _poisoned == null ? null : FlushPoisoned(_poisoned, cache);
        return _guards?.Flush() ?? finding;
    }

    private HakmemCorruptionException? FlushPoisoned(PoisonedBlocks poisoned, ThreadCache* cache)
    {
        HakmemCorruptionException? finding = null;
        void** taken = stackalloc void*[PoisonedBlocks.MaxMagazine];
        for (int index = 0; cache != null && index < _classes.Length && _classes[index].BlockBytes <= PoisonedBlocks.MaxBytes; index++)
        {
            int count = CacheExchange.TakeFreed(cache, index, taken);
            finding = count > 0 ? poisoned.Quarantine(taken, count, index) ?? finding : finding;
        }

        return poisoned.Flush() ?? finding;
    }
}
