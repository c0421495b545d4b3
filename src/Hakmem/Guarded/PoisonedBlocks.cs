using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Guarded;

// Full hardening of blocks up to MaxBytes: they come from random places of their spans, and go back through a
// quarantine.
//
//   span (poisoned) --at random--> taking magazine --check--> caller
//        ^--check-- quarantine, oldest first out <-- putting magazine <--poison--'
//
// The magazines are the thread's: a few blocks of each class, so that a call takes no lock. Blocks go one way through
// them, and whoever empties the putting one, its thread or another, gives its blocks to the quarantine.
//
// A block's poison is checked when it leaves the quarantine and again when it is handed out, so a write after a free is
// told at the latest then. That a block is freed once is the live table's affair: who comes here to free one has
// claimed it. Larger blocks are GuardedBlocks' affair: a page of guard would be many times such a block.
//
// Thread-safe: one lock, for the queue and its figures alone. What takes time (filling, checking, the way to the span)
// is done under none, with blocks that are in no list meanwhile: those count as live for a moment.
internal sealed unsafe class PoisonedBlocks(Arena arena, DepotSet depots, SizeClassInfo[] classes, long quarantineBytes)
    : BlockQuarantine
{
    // The largest block served here: the largest tiny class.
    public const int MaxBytes = 1024;

    // How many blocks of a class a magazine has at most: enough for the locks to vanish among the calls, and few, since
    // what a thread is to be handed next is no secret once they are drawn.
    public const int MaxMagazine = 64;

    // The quarantine's bound in blocks, whatever their size: what its records may take.
    private const int MaxQuarantined = 1 << 16;

    // How many leave a full quarantine together: so that not every free takes the locks of the way to a span. A small
    // quarantine would have nothing in it after that, so no more than a part of it.
    private const int MaxBatch = 64;
    private const int BatchDivisor = 64;

    // How many blocks before a block is checked it is asked for.
    private const int Ahead = 2;

    private readonly HistoryTable _histories = new();
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private readonly BlockQueue _quarantine = new(arena.Metadata);
    private readonly long[] _counts = new long[SizeClass.Count];
    private long _bytes;

    // What was found where nobody could be told; the next Flush tells it.
    private Damage? _untold;

    // Whether a block that was taken from its span is as it was freed.
    public bool IsWhole(byte* block, int sizeClass) =>
        Poison.FindDamage(block, (nuint)classes[sizeClass].BlockBytes) < 0;

    // For the block that will be looked at next, or null.
    public void Expect(byte* block, int sizeClass) => Prefetch.Read(block, classes[sizeClass].BlockBytes);

    // Enters a block that is about to be handed out.
    public void Allocated(byte* block, nuint byteCount, int stack) =>
        _histories.Allocated((nuint)block, byteCount, stack);

    // Puts a block that was about to be handed out, and is not whole, back to its span, as good as any other again, and
    // gives the damage. Null, and nothing is done, if it is whole by now.
    public HakmemCorruptionException? Refuse(byte* block, int sizeClass)
    {
        Damage? damage = null;
        Check(block, (nuint)classes[sizeClass].BlockBytes, ref damage);
        if (damage is not null)
        {
            depots[sizeClass].TryFreeOne(block);
        }

        return damage?.ToException("Alloc");
    }

    // For a block that the caller has claimed: it is poisoned, and has to be put into a magazine or into quarantine.
    public void Freed(byte* block, int sizeClass, int stack)
    {
        Poison.Fill(block, (nuint)classes[sizeClass].BlockBytes);
        _histories.Freed((nuint)block, stack);
    }

    // Takes up to a magazine's number of freed blocks of a class, and one more, into quarantine. Gives damage that was
    // found to others, which have left it: these are in quarantine all the same.
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
                leaving = TakeBatch(batch, quarantineBytes - (quarantineBytes / BatchDivisor), MaxQuarantined - MaxBatch);
            }
        }

        if (kept < count)
        {
            // No memory for their places in the quarantine.
            depots[sizeClass].FreeMany(blocks + kept, count - kept);
        }

        // More may have come in than a batch takes out: of blocks that are smaller.
        Damage? damage = null;
        Return(batch, leaving, ref damage);
        if (leaving == MaxBatch)
        {
            Release(quarantineBytes, MaxQuarantined, ref damage);
        }

        // Not before all of them are in their spans, since managed memory may be out.
        return damage?.ToException("Check");
    }

    // The error for a block that is free already. Under no lock.
    public HakmemCorruptionException DoubleFree(nuint block, string operation) =>
        _histories.Of(block).ToException(block, operation, "it was freed already");

    // Returns everything in the quarantine to its spans. Gives damage that was found on the way.
    public HakmemCorruptionException? Flush()
    {
        Damage? damage;
        using (_lock.Enter())
        {
            damage = _untold;
            _untold = null;
        }

        Release(0, 0, ref damage);
        return damage?.ToException("Check");
    }

    // Takes blocks out of magazines into quarantine without looking at any: what is too much leaves with the next
    // magazine.
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
                _untold = damage;
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

    // Forgets all blocks, whose memory is being given back as a whole.
    public void Clear()
    {
        using (_lock.Enter())
        {
            _quarantine.Clear();
        }
    }

    // Gives how many there was memory for. Under the lock.
    private int Add(void** blocks, int count, int sizeClass)
    {
        int kept = 0;
        while (kept < count && _quarantine.TryAdd(blocks[kept], sizeClass))
        {
            kept++;
        }

        _counts[sizeClass] += kept;
        _bytes += (long)kept * classes[sizeClass].BlockBytes;
        return kept;
    }

    // Takes blocks out, the oldest first, until no more than so much is left, and takes note of damage. Never throws.
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

    // A block out of its span keeps the span, hence the page map's entry.
    private int SizeClassOf(ulong block) => PageMapEntry.SizeClassOf(Arena.EntryOf(arena.PageMap, (void*)block));

    // Takes note of damage to a free block, and mends it. Never throws.
    private void Check(byte* block, nuint bytes, ref Damage? damage)
    {
        long offset = Poison.FindDamage(block, bytes);
        if (offset >= 0)
        {
            damage = new Damage(_histories.Of((nuint)block), bytes, offset, block[offset]);
            Poison.Fill(block, bytes);
        }
    }

    // One byte of a free block that is not as it was left.
    private readonly record struct Damage(BlockHistory History, nuint Bytes, long Offset, byte Found)
    {
        public HakmemCorruptionException ToException(string operation) => History.ToException(
            History.Address,
            operation,
            $"a write after free: byte {Offset} of the free block of {Bytes} is 0x{Found:x2} instead of 0x{Poison.Value:x2}");
    }
}
