using System.Collections.Generic;
using System.Threading;
using Hakmem.Arenas;
using Hakmem.Depots;
using Hakmem.Os;
using Hakmem.SizeClasses;
using Hakmem.Spans;

namespace Hakmem.Hardening;

// Full hardening of blocks up to MaxBytes: they go straight from spans to callers, and on their way back through a quarantine.
//
//   span (poisoned, random place) --check--> caller --poison--> quarantine, oldest first out --check--> span
//
// A block that is in the quarantine or free in its span is known to be free, so a second free is told at the call; a block's poison is
// checked when it leaves the quarantine and again when it is handed out, so a write after a free is told at the latest then. Larger
// blocks are GuardedBlocks' affair: a page of guard would be many times such a block.
//
// Thread-safe: one lock, taken above the depots' locks and held for the whole of a free, so that no thread finds a block on its way from
// the quarantine to its span. Full hardening is not for speed.
internal sealed unsafe class CheckedBlocks
{
    // The largest block served here: the largest tiny class.
    public const int MaxBytes = 1024;

    // The quarantine's bound in blocks, whatever their size: what its records may take.
    private const int MaxQuarantined = 1 << 16;

    private readonly Arena _arena;
    private readonly DepotSet _depots;
    private readonly SizeClassInfo[] _classes;
    private readonly long _quarantineBytes;
    private readonly HistoryTable _histories = new();
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock. The set has the addresses that are in the queue, or between it and their span.
    private readonly Queue<(nuint Address, int SizeClass)> _quarantine = new();
    private readonly HashSet<nuint> _quarantined = [];
    private readonly long[] _counts = new long[SizeClass.Count];
    private long _bytes;

    public CheckedBlocks(Arena arena, DepotSet depots, SizeClassInfo[] classes, long quarantineBytes)
    {
        _arena = arena;
        _depots = depots;
        _classes = classes;
        _quarantineBytes = quarantineBytes;
    }

    // Null if memory is out. Throws HakmemCorruptionException for a block that was written to while it was free; that block is then as
    // good as any other again.
    public void* TryAllocate(int sizeClass, nuint byteCount, int stack)
    {
        byte* block = (byte*)_depots[sizeClass].TryTakeOne(out _);
        if (block == null)
        {
            return null;
        }

        nuint bytes = (nuint)_classes[sizeClass].BlockBytes;
        if (FindDamage(block, bytes, "Alloc") is { } finding)
        {
            Poison.Fill(block, bytes);
            _depots[sizeClass].TryReturnOne(block);
            throw finding;
        }

        _histories.Allocated((nuint)block, byteCount, stack);
        return block;
    }

    // Frees a block of this heap, found to be one by the resolver. Throws HakmemCorruptionException if it is free already. What it
    // gives instead of throwing is damage that it found to another block: the free is then done.
    public HakmemCorruptionException? Free(byte* block, int firstUnit, int sizeClass, int index, int stack)
    {
        using (_lock.Enter())
        {
            // Under the lock a free block is in the set or in its span.
            if (_quarantined.Contains((nuint)block) || IsFreeInSpan(firstUnit, index))
            {
                throw DoubleFree((nuint)block, "Free");
            }

            _quarantined.Add((nuint)block);
            _quarantine.Enqueue(((nuint)block, sizeClass));
            _counts[sizeClass]++;
            _bytes += _classes[sizeClass].BlockBytes;
            Poison.Fill(block, (nuint)_classes[sizeClass].BlockBytes);
            _histories.Freed((nuint)block, stack);
            return Release(_quarantineBytes, MaxQuarantined);
        }
    }

    // Whether a block of this heap is known to be free.
    public bool IsFree(byte* block, int firstUnit, int index)
    {
        using (_lock.Enter())
        {
            return _quarantined.Contains((nuint)block) || IsFreeInSpan(firstUnit, index);
        }
    }

    public HakmemCorruptionException DoubleFree(nuint block, string operation) =>
        _histories.Of(block).ToException(block, operation, "it was freed already");

    // Returns everything in the quarantine to its spans. Gives damage that was found on the way.
    public HakmemCorruptionException? Flush()
    {
        using (_lock.Enter())
        {
            return Release(0, 0);
        }
    }

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

    private HakmemCorruptionException? Release(long maxBytes, int maxBlocks)
    {
        HakmemCorruptionException? finding = null;
        while (_quarantine.Count > maxBlocks || _bytes > maxBytes)
        {
            (nuint address, int sizeClass) = _quarantine.Dequeue();
            int blockBytes = _classes[sizeClass].BlockBytes;
            HakmemCorruptionException? found = FindDamage((byte*)address, (nuint)blockBytes, "Check");
            if (found is not null)
            {
                Poison.Fill((byte*)address, (nuint)blockBytes);
                finding = found;
            }

            _counts[sizeClass]--;
            _bytes -= blockBytes;
            _depots[sizeClass].TryReturnOne((void*)address);
            _quarantined.Remove(address);
        }

        return finding;
    }

    private HakmemCorruptionException? FindDamage(byte* block, nuint bytes, string operation)
    {
        long offset = Poison.FindDamage(block, bytes);
        return offset < 0 ? null : _histories.Of((nuint)block).ToException(
            (nuint)block, operation, $"a write after free: byte {offset} of the free block of {bytes} is 0x{block[offset]:x2} instead of 0x{Poison.Value:x2}");
    }

    private bool IsFreeInSpan(int firstUnit, int index) =>
        index >= Volatile.Read(ref _arena.Span(firstUnit)->Carved) || (Volatile.Read(ref _arena.Bitmap(firstUnit)[index >> 6]) & (1UL << index)) != 0;
}
