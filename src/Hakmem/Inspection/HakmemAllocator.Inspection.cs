using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Tags;

namespace Hakmem;

// What a request from outside the process asks of a heap, whose owner may dispose it at any moment. None of it
// allocates from the heap, and none needs a cache of the calling thread.
public sealed unsafe partial class HakmemAllocator
{
    // Null once the heap is being disposed.
    internal HakmemStatistics? TryGetStatistics()
    {
        if (LiveHeap is not { } core)
        {
            return null;
        }

        HakmemStatistics? own = _heap is null ? core.GetStatistics() : _heap.TryGetStatistics();
        if (own is null)
        {
            return null;
        }

        own = AddCallbackFailures(own) with
        {
            RefusedAllocations = Interlocked.Read(ref _refusedAllocations),
            CorruptionReports = HakmemCorruptionException.Count,
        };
        return AddEstimates(TaggedPart is { } tagged && tagged.Blocks._heap.TryGetStatistics() is { } other
            ? AddTagged(own, tagged, other)
            : own);
    }

    // Null once the heap is disposed. The map is read under the lock that a disposal releases the SuperSlabs under.
    internal HakmemHeapMap? TryGetHeapMap()
    {
        if (LiveHeap is not { } core)
        {
            return null;
        }

        HakmemHeapMap own = core.GetHeapMap();
        return TaggedPart is null
            ? own
            : new HakmemHeapMap
            {
                SuperSlabs =
                [
                    .. own.SuperSlabs.Concat(TaggedPart.Blocks._heap.GetHeapMap().SuperSlabs)
                        .OrderBy(slab => slab.Address),
                ],
            };
    }

    /// <summary>Measures how many bytes of this heap are in physical memory now, by asking the operating system about
    /// each page.</summary>
    /// <remarks>
    /// Thread-safe. <see cref="HakmemStatistics.DirtyBytes"/> is an upper bound; the system may have swapped pages out.
    /// The allocator's records (<see cref="HakmemStatistics.RecordBytes"/>) are not part of it. It takes about a
    /// microsecond for each MiB, and the system is asked under no lock: threads that allocate and free meanwhile may
    /// or may not be seen.
    /// </remarks>
    /// <returns>The resident bytes; null where the system does not say (it does on Linux), and where
    /// <see cref="NativeMemory"/> serves the heap.</returns>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public long? MeasureResidentBytes()
    {
        ThrowIfDisposed();
        return TryMeasureResidentBytes();
    }

    // Null also once the heap is disposed.
    internal long? TryMeasureResidentBytes()
    {
        if (LiveHeap is null || _heap is null)
        {
            return null;
        }

        long own = _heap.CountResident();
        long tagged = TaggedPart?.Blocks._heap.CountResident() ?? 0;
        return own < 0 || tagged < 0 ? null : own + tagged;
    }

    // Returns what is unused. False once the heap is being disposed.
    internal bool TryTrim() =>
        _heap is not null && _heap.TryTrim() && (TaggedPart is not { } tagged || tagged.Blocks._heap.TryTrim());

    // The bytes that may have physical pages in the spans of each size class, by the size of its blocks in bytes.
    internal SortedDictionary<long, long> ReadDirtyBytes()
    {
        SortedDictionary<long, long> sums = [];
        foreach (Heap? heap in new[] { _heap, TaggedPart?.Blocks._heap })
        {
            if (heap is null)
            {
                continue;
            }

            long[] bytes = new long[heap.ClassCount];
            heap.AddDirtyBytes(bytes);
            for (int i = 0; i < bytes.Length; i++)
            {
                if (bytes[i] != 0)
                {
                    sums.TryGetValue(heap.BlockBytesOf(i), out long others);
                    sums[heap.BlockBytesOf(i)] = others + bytes[i];
                }
            }
        }

        return sums;
    }

    // Null if the heap has no tags, or is a fallback.
    private TaggedHeap? TaggedPart =>
        Volatile.Read(ref _tagged) is { Blocks._heap: not null } tagged ? tagged : null;
}
