using Hakmem.Arenas;
using Hakmem.Depots;
using Hakmem.Os;
using Hakmem.SizeClasses;
using Hakmem.Spans;

namespace Hakmem.Hardening;

// Full hardening of blocks up to MaxBytes: they go straight from spans to callers, and on their way back through a
// quarantine.
//
//   span (poisoned, random place) --check--> caller --poison--> quarantine, oldest first out --check--> span
//
// A block's poison is checked when it leaves the quarantine and again when it is handed out, so a write after a free is
// told at the latest then. That a block is freed once is the live table's affair: who comes here to free one has
// claimed it. Larger blocks are GuardedBlocks' affair: a page of guard would be many times such a block.
//
// Thread-safe: one lock, for the queue and its figures alone. What takes time (filling, checking, the way to the span)
// is done under none, with blocks that are in no list meanwhile: those count as live for a moment.
internal sealed unsafe class PoisonedBlocks(Arena arena, DepotSet depots, SizeClassInfo[] classes, long quarantineBytes)
{
    // The largest block served here: the largest tiny class.
    public const int MaxBytes = 1024;

    // The quarantine's bound in blocks, whatever their size: what its records may take.
    private const int MaxQuarantined = 1 << 16;

    // How many leave a full quarantine together: so that not every free takes the locks of the way to a span. A small
    // quarantine would have nothing in it after that, so no more than a part of it.
    private const int MaxBatch = 32;
    private const int BatchDivisor = 64;

    private readonly HistoryTable _histories = new();
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private readonly BlockQueue _quarantine = new(arena.Metadata);
    private readonly long[] _counts = new long[SizeClass.Count];
    private long _bytes;

    // Null if memory is out, or with a finding: the block to be handed out was written to while it was free, and is as
    // good as any other again.
    public void* TryAllocate(int sizeClass, nuint byteCount, int stack, out HakmemCorruptionException? finding)
    {
        finding = null;
        byte* block = (byte*)depots[sizeClass].TryTakeOne(out _);
        if (block == null)
        {
            return null;
        }

        nuint bytes = (nuint)classes[sizeClass].BlockBytes;
        long damage = Poison.FindDamage(block, bytes);
        if (damage >= 0)
        {
            finding = Damage(block, bytes, damage, "Alloc");
            Poison.Fill(block, bytes);
            depots[sizeClass].TryReturnOne(block);
            return null;
        }

        _histories.Allocated((nuint)block, byteCount, stack);
        return block;
    }

    // Frees a block of this heap that the caller has claimed. Gives damage that was found to another block: the free is
    // done all the same.
    public HakmemCorruptionException? Free(byte* block, int sizeClass, int stack)
    {
        Poison.Fill(block, (nuint)classes[sizeClass].BlockBytes);
        _histories.Freed((nuint)block, stack);
        ulong* batch = stackalloc ulong[MaxBatch];
        int count = 0;
        bool isKept;
        using (_lock.Enter())
        {
            isKept = _quarantine.TryAdd(block, sizeClass);
            if (isKept)
            {
                _counts[sizeClass]++;
                _bytes += classes[sizeClass].BlockBytes;
            }

            if (_bytes > quarantineBytes || _quarantine.Count > MaxQuarantined)
            {
                count = TakeBatch(batch, quarantineBytes - (quarantineBytes / BatchDivisor), MaxQuarantined - MaxBatch);
            }
        }

        if (!isKept)
        {
            // No memory for a place in the quarantine.
            depots[sizeClass].TryReturnOne(block);
        }

        // One free may bring in more than a batch takes out: of blocks that are smaller.
        HakmemCorruptionException? finding = Return(batch, count);
        return count == MaxBatch ? Release(quarantineBytes, MaxQuarantined) ?? finding : finding;
    }

    // The error for a block that is free already. Under no lock.
    public HakmemCorruptionException DoubleFree(nuint block, string operation) =>
        _histories.Of(block).ToException(block, operation, "it was freed already");

    // Returns everything in the quarantine to its spans. Gives damage that was found on the way.
    public HakmemCorruptionException? Flush() => Release(0, 0);

    // Adds the number of blocks in the quarantine to counts, by size class.
    public void CountBlocks(long[] counts)
    {
        using (_lock.Enter())
        {
            for (int index = 0; index < counts.Length; index++)
            {
                counts[index] += _counts[index];
            }
        }
    }

    // Forgets all blocks, whose memory is being given back as a whole.
    public void Clear()
    {
        using (_lock.Enter())
        {
            _quarantine.Clear();
        }
    }

    // Takes blocks out, the oldest first, until no more than so much is left; gives the number of batches' blocks.
    private HakmemCorruptionException? Release(long maxBytes, int maxBlocks)
    {
        HakmemCorruptionException? finding = null;
        ulong* batch = stackalloc ulong[MaxBatch];
        int count;
        do
        {
            using (_lock.Enter())
            {
                count = TakeBatch(batch, maxBytes, maxBlocks);
            }

            finding = Return(batch, count) ?? finding;
        }
        while (count == MaxBatch);

        return finding;
    }

    // Under the lock.
    private int TakeBatch(ulong* batch, long maxBytes, int maxBlocks)
    {
        int count = 0;
        while (count < MaxBatch && _quarantine.Count > 0 && (_quarantine.Count > maxBlocks || _bytes > maxBytes))
        {
            batch[count++] = (nuint)_quarantine.Take(out int sizeClass);
            _counts[sizeClass]--;
            _bytes -= classes[sizeClass].BlockBytes;
        }

        return count;
    }

    // Checks blocks that were taken out and returns them to their spans, those of one class together.
    private HakmemCorruptionException? Return(ulong* batch, int count)
    {
        HakmemCorruptionException? finding = null;
        for (int from = 0; from < count;)
        {
            int sizeClass = SizeClassOf(batch[from]);
            int to = from;
            for (; to < count && SizeClassOf(batch[to]) == sizeClass; to++)
            {
                finding = Check((byte*)batch[to], (nuint)classes[sizeClass].BlockBytes) ?? finding;
            }

            depots[sizeClass].ReturnMany((void**)(batch + from), to - from);
            from = to;
        }

        return finding;
    }

    // A block out of its span keeps the span, hence the page map's entry.
    private int SizeClassOf(ulong block) => PageMapEntry.SizeClassOf(Arena.EntryOf(arena.PageMap, (void*)block));

    private HakmemCorruptionException? Check(byte* block, nuint bytes)
    {
        long damage = Poison.FindDamage(block, bytes);
        if (damage < 0)
        {
            return null;
        }

        HakmemCorruptionException finding = Damage(block, bytes, damage, "Check");
        Poison.Fill(block, bytes);
        return finding;
    }

    private HakmemCorruptionException Damage(byte* block, nuint bytes, long offset, string operation) => _histories.Of((nuint)block).ToException(
        (nuint)block, operation, $"a write after free: byte {offset} of the free block of {bytes} is 0x{block[offset]:x2} instead of 0x{Poison.Value:x2}");
}
