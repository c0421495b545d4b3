using System.Threading;
using Hakmem.Api;
using Hakmem.Os;

namespace Hakmem;

// Those that wait until this heap has room.
//
// Their tries run on threads of the library's, while a disposal must not run beside a call of the heap, and whoever
// disposes the heap cannot know of them. So each try begins and ends here, and a disposal lets none begin and waits for
// those that have begun.
public sealed partial class HakmemAllocator
{
    // In _tries: no try may begin.
    private const int TriesEnded = 1 << 30;

    // Created when something waits for the first time.
    private RoomQueue? _roomQueue;

    // How many tries have begun and not ended, and TriesEnded. Interlocked, by tries and disposals.
    private int _tries;

    internal RoomQueue RoomQueue => Volatile.Read(ref _roomQueue) ??
        Interlocked.CompareExchange(ref _roomQueue, new RoomQueue(), null) ?? _roomQueue;

    // Has the first of them try.
    internal void SignalRoom() => Volatile.Read(ref _roomQueue)?.Signal();

    // Begins a try of one that waits: after true, call EndTry. False while the heap is being disposed, which may leave
    // it as it is, and for good afterwards.
    internal bool TryBeginTry()
    {
        if (_core is ForeignHeap foreign)
        {
            return foreign.Heap is not { } heap || heap.TryBeginTry();
        }

        bool mayBegin = (Interlocked.Increment(ref _tries) & TriesEnded) == 0;
        if (!mayBegin)
        {
            EndTry();
        }

        return mayBegin;
    }

    internal void EndTry()
    {
        if (_core is ForeignHeap foreign)
        {
            foreign.Heap?.EndTry();
        }
        else if (Interlocked.Decrement(ref _tries) == TriesEnded)
        {
            WordWait.WakeOne(ref _tries);
        }
    }

    // For a disposal: lets no try begin, and waits for those in progress.
    private void EndTries()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref _tries);
        }
        while (Interlocked.CompareExchange(ref _tries, seen | TriesEnded, seen) != seen);

        for (seen = Volatile.Read(ref _tries); seen != TriesEnded; seen = Volatile.Read(ref _tries))
        {
            WordWait.Wait(ref _tries, seen);
        }
    }

    // For a disposal that leaves the heap as it is.
    private void AllowTries() => Interlocked.Add(ref _tries, -TriesEnded);
}
