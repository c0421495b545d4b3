using System;
using System.Globalization;
using Hakmem.Heaps;

namespace Hakmem.Api;

// What a debugger shows of a heap: one line, and the figures that unfold under it. A debugger evaluates this on one
// thread of the program while the other threads are stopped, wherever they are. So nothing here enters a lock, which a
// stopped thread may hold for ever, allocates from a heap, or throws. The figures are plain reads and may be from the
// middle of an update.
internal sealed class HeapDebuggerView
{
    private readonly HeapCore? _live;

    // The same, unless it is a fallback, which has none of these figures.
    private readonly Heap? _heap;

    public HeapDebuggerView(HakmemAllocator heap)
    {
        State = TextOf(heap);
        _live = heap.LiveHeap;
        _heap = _live as Heap;
    }

    public string State { get; }

    public long CommittedBytes => _live?.CommittedBytes ?? 0;

    public long PeakCommittedBytes => _heap?.SuperSlabs.PeakCommittedBytes ?? 0;

    public long PurgedBytes => _heap?.SuperSlabs.PurgedBytes ?? 0;

    public int SuperSlabsInUse => _heap is null ? 0 : _heap.SuperSlabs.OwnedCount - _heap.SuperSlabs.CachedCount;

    public int SuperSlabsCached => _heap?.SuperSlabs.CachedCount ?? 0;

    // The heap's options as it uses them; null once it is disposed, and in a fallback.
    public HeapLimits? Limits => _heap?.Limits;

    public static string TextOf(HakmemAllocator heap)
    {
        if (heap.Failure is { } failure)
        {
            return "unusable: " + failure.Message;
        }

        // Read once: another thread may dispose the heap.
        if (heap.LiveHeap is not { } live)
        {
            return "disposed";
        }

        string kind = ReferenceEquals(heap, HakmemAllocator.Shared) ? "shared" : "isolated";
        kind += live is Heap ? "" : " fallback";
        FormattableString text = $"{kind}, {live.CommittedBytes} bytes committed";
        return text.ToString(CultureInfo.InvariantCulture);
    }
}
