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
    private readonly Heap? _live;

    public HeapDebuggerView(HakmemAllocator heap)
    {
        State = TextOf(heap);
        _live = heap.LiveHeap;
    }

    public string State { get; }

    public long CommittedBytes => _live?.SuperSlabs.CommittedBytes ?? 0;

    public long PeakCommittedBytes => _live?.SuperSlabs.PeakCommittedBytes ?? 0;

    public long PurgedBytes => _live?.SuperSlabs.PurgedBytes ?? 0;

    public int SuperSlabsInUse => _live is null ? 0 : _live.SuperSlabs.OwnedCount - _live.SuperSlabs.CachedCount;

    public int SuperSlabsCached => _live?.SuperSlabs.CachedCount ?? 0;

    // The heap's options as it uses them; null once it is disposed.
    public HeapLimits? Limits => _live?.Limits;

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
        FormattableString text = $"{kind}, {live.SuperSlabs.CommittedBytes} bytes committed";
        return text.ToString(CultureInfo.InvariantCulture);
    }
}
