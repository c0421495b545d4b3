using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
#if NET
using System.Runtime.Intrinsics.X86;
#endif
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Guarded;

// Full hardening of blocks up to MaxBytes: they come from random slots of their spans and return through a quarantine.
//
//   span (poisoned) --at random--> primary magazine --check--> caller
//        ^--check-- quarantine, oldest first out <-- secondary magazine <--poison--'
//
// The magazines are the thread's, so that most calls enter no lock. Blocks pass them in one direction, and every thread
// that empties a secondary magazine moves its blocks to the quarantine.
//
// The poison is checked when a block leaves the quarantine and again when it is handed out, so a write after free is
// reported then at the latest. The live table prevents double frees: the caller of Freed has claimed the block. Larger
// blocks are guarded (GuardedBlocks); a guard page would be many times as large as a small block.
//
// Thread-safe. One lock guards the queue and its figures only. Filling, checking and freeing to spans happen outside
// it, on blocks that are in no list; these count as live for a moment.
internal sealed unsafe class PoisonedBlocks(Arena arena, DepotSet depots, SizeClassInfo[] classes, long quarantineBytes)
    : BlockQuarantine
{
    // The largest block served here: the largest tiny size class.
    public const int MaxBytes = 1024;

    // The most blocks of a class in a magazine: enough to make locks rare, and few, because the next blocks of a thread
    // are no longer random once they are in its magazine.
    public const int MaxMagazine = 64;

    // The most blocks in the quarantine, whatever their size: it bounds the records.
    private const int MaxQuarantined = 1 << 16;

    // How many blocks leave a full quarantine together, so that not every free enters a depot's lock: one batch, or a
    // part of the bytes if that is less, because a batch would empty a small quarantine.
    private const int MaxBatch = 64;
    private const int BatchDivisor = 64;

    // How many blocks ahead of the check the prefetch runs.
    private const int Ahead = 2;

    private readonly HistoryTable _histories = new();
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private readonly BlockQueue _quarantine = new(arena.Metadata);
    private readonly long[] _counts = new long[SizeClass.Count];
    private long _bytes;

    // How many threads release blocks after a free, without a block in hand that keeps the heap in use.
    private int _releases;

    // Damage that was found by a call that cannot report it; the next Flush reports it.
    private Damage? _unreported;

    // For tests: called within a free, right before more than one batch leaves the quarantine.
    public Action? OnRelease { get; set; }

    // Whether no thread is within a free that uses the quarantine after its own block is in it. Asked after the blocks
    // are counted: a block that is not live any more is freed, or its free is seen here.
    public bool IsIdle
    {
        get
        {
            using (_lock.Enter())
            {
                return _releases == 0;
            }
        }
    }

    // Whether the poison of a free block is intact.
    public bool IsIntact(byte* block, int sizeClass) =>
        Poison.FindDamage(block, (nuint)classes[sizeClass].BlockBytes) < 0;

    // Prefetches the block that is checked next; it may be null.
    public void PrefetchNext(byte* block, int sizeClass) => Prefetch.Read(block, classes[sizeClass].BlockBytes);

    // Records the allocation of a block that is about to be handed out.
    public void Allocated(byte* block, nuint byteCount, int stack) =>
        _histories.Allocated((nuint)block, byteCount, stack);

    // Frees a damaged block to its span, poisoned again, and returns the error. Returns null, and does nothing, if it
    // is intact by now.
    public HakmemCorruptionException? FreeDamaged(byte* block, int sizeClass)
    {
        Damage? damage = null;
        Check(block, (nuint)classes[sizeClass].BlockBytes, ref damage);
        if (damage is not null)
        {
            depots[sizeClass].TryFreeOne(block);
        }

        return damage?.ToException("Alloc");
    }

    // Poisons a block that the caller has claimed and now puts into a magazine or into the quarantine.
    public void Freed(byte* block, int sizeClass, int stack)
    {
        Poison.Fill(block, (nuint)classes[sizeClass].BlockBytes);
        _histories.Freed((nuint)block, stack);
    }

    // Moves up to a magazine's number of freed blocks of a class, and one more, into the quarantine. Returns damage
    // found in blocks that left it; the given blocks are in the quarantine in either case.
    public HakmemCorruptionException? Quarantine(void** blocks, int count, int sizeClass)
    {
        ulong* batch = stackalloc ulong[MaxBatch];
        int leaving = 0;
        int kept;
        using (_lock.Enter())
        {
            kept = Add(blocks, count, sizeClass);
            if (_bytes > quarantineBytes || _quarantine.Count > MaxQuarantined)
            {
                long maxBytes = quarantineBytes - (quarantineBytes / BatchDivisor);
                leaving = TakeBatch(batch, maxBytes, MaxQuarantined - MaxBatch);
                _releases += leaving == MaxBatch ? 1 : 0;
            }
        }

        if (kept < count)
        {
            // Memory for the records of the queue is out.
            depots[sizeClass].FreeMany(blocks + kept, count - kept);
        }

        // More bytes may have come in than one batch of smaller blocks takes out.
        Damage? damage = null;
        Return(batch, leaving, ref damage);
        if (leaving == MaxBatch)
        {
            OnRelease?.Invoke();
            Release(quarantineBytes, MaxQuarantined, ref damage);
            using (_lock.Enter())
            {
                _releases--;
            }
        }

        // After all blocks are in their spans, because managed memory may be out.
        return damage?.ToException("Check");
    }

    // Returns the error for a block that is free already. Under no lock.
    public HakmemCorruptionException DoubleFree(nuint block, string operation) =>
        _histories.Of(block).ToException(block, operation, "it was freed already");

    // Frees the whole quarantine to the spans. Returns damage found on the way, or null.
    public HakmemCorruptionException? Flush()
    {
        Damage? damage;
        using (_lock.Enter())
        {
            damage = _unreported;
            _unreported = null;
        }

        Release(0, 0, ref damage);
        return damage?.ToException("Check");
    }

    // Moves blocks from magazines into the quarantine and checks none; the excess leaves with the next magazine.
    public override void Keep(void** blocks, int count, int sizeClass)
    {
        int kept;
        using (_lock.Enter())
        {
            kept = Add(blocks, count, sizeClass);
        }

        if (kept < count)
        {
            depots[sizeClass].FreeMany(blocks + kept, count - kept);
        }
    }

    public override void FlushExcess()
    {
        Damage? damage = null;
        Release(quarantineBytes, MaxQuarantined, ref damage);
        if (damage is not null)
        {
            using (_lock.Enter())
            {
                _unreported = damage;
            }
        }
    }

    // Adds the number of blocks in the quarantine to counts, by size class.
    public override void CountBlocks(long[] counts)
    {
        using (_lock.Enter())
        {
            for (int index = 0; index < counts.Length; index++)
            {
                counts[index] += _counts[index];
            }
        }
    }

    // Removes all blocks, because the heap is disposed.
    public void Clear()
    {
        using (_lock.Enter())
        {
            _quarantine.Clear();
        }
    }

    // Adds blocks while memory for their records lasts; returns how many. Under the lock.
    private int Add(void** blocks, int count, int sizeClass)
    {
        _lock.AssertHeld();
        int kept = 0;
        while (kept < count && _quarantine.TryAdd(blocks[kept], sizeClass))
        {
            kept++;
        }

        _counts[sizeClass] += kept;
        _bytes += (long)kept * classes[sizeClass].BlockBytes;
        return kept;
    }

    // Frees the oldest blocks until at most so many bytes and blocks are left, and notes damage. Never throws.
    private void Release(long maxBytes, int maxBlocks, ref Damage? damage)
    {
        ulong* batch = stackalloc ulong[MaxBatch];
        int count;
        do
        {
            using (_lock.Enter())
            {
                count = TakeBatch(batch, maxBytes, maxBlocks);
            }

            Return(batch, count, ref damage);
        }
        while (count == MaxBatch);
    }

    // Removes up to MaxBatch of the oldest blocks. Under the lock.
    private int TakeBatch(ulong* batch, long maxBytes, int maxBlocks)
    {
        _lock.AssertHeld();
        int count = 0;
        while (count < MaxBatch && _quarantine.Count > 0 && (_quarantine.Count > maxBlocks || _bytes > maxBytes))
        {
            batch[count++] = (nuint)_quarantine.Take(out int sizeClass);
            _counts[sizeClass]--;
            _bytes -= classes[sizeClass].BlockBytes;
            Debug.Assert(_counts[sizeClass] >= 0 && _bytes >= 0, "The queue's figures are those of its blocks.");
        }

        return count;
    }

    // Checks blocks that left the quarantine and frees them to their spans, consecutive ones of a class together.
    private void Return(ulong* batch, int count, ref Damage? damage)
    {
        for (int from = 0; from < count;)
        {
            int sizeClass = SizeClassOf(batch[from]);
            int to = from;
            for (; to < count && SizeClassOf(batch[to]) == sizeClass; to++)
            {
                if (to + Ahead < count)
                {
                    Prefetch.Read((byte*)batch[to + Ahead], classes[sizeClass].BlockBytes);
                }

                Check((byte*)batch[to], (nuint)classes[sizeClass].BlockBytes, ref damage);
            }

            depots[sizeClass].FreeMany((void**)(batch + from), to - from);
            from = to;
        }
    }

    // A block that is not in its span keeps the span open, and thereby its page-map entry.
    private int SizeClassOf(ulong block) => PageMapEntry.BinIndexOf(arena.EntryOf((void*)block));

    // Notes damage to a free block and restores its poison. Never throws.
    private void Check(byte* block, nuint bytes, ref Damage? damage)
    {
        long offset = Poison.FindDamage(block, bytes);
        if (offset >= 0)
        {
            damage = new Damage(_histories.Of((nuint)block), bytes, offset, block[offset]);
            Poison.Fill(block, bytes);
        }
    }

    // One byte of a free block that is not the poison.
    private readonly record struct Damage(BlockHistory History, nuint Bytes, long Offset, byte Found)
    {
        public HakmemCorruptionException ToException(string operation) => History.ToException(
            History.Address,
            operation,
            $"a write after free: byte {Offset} of the free block of {Bytes} is 0x{Found:x2} " +
            $"instead of 0x{Poison.Value:x2}");
    }
}

// Prefetches memory that is about to be read: blocks in a quarantine were freed so long ago that they left the near
// caches. Uses the instruction that .NET has for x86 and x64; elsewhere it does nothing.
internal static unsafe class Prefetch
{
    private const int LineBytes = 64;

    // Any address is allowed, null and unmapped ones included: the processor ignores those.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* address, int bytes)
    {
#if NET
        if (Sse.IsSupported)
        {
            for (int done = 0; done < bytes; done += LineBytes)
            {
                Sse.Prefetch0(address + done);
            }
        }
#endif
    }
}
