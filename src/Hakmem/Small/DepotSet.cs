using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The depots of one heap, by the index of a bin. Each is created when its first block is allocated: they take half a
// KiB each, and a short process or a heap for one request uses a few.
//
// Only allocation creates a depot, so Free can rely on it and needs no managed memory.
//
// Thread-safe without a lock: an element is written once, by compare and exchange, and read with acquire, so a thread
// that sees a depot sees all of it. If two threads create one at the same time, the first is kept; the other has
// changed nothing but its own memory. Creation allocates managed memory, which may throw, so it happens under no lock
// and outside any cache's gate.
internal sealed class DepotSet(
    Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo[] classes, DepotBudget budget,
    bool isPlacedAtRandom = false)
{
    private readonly Depot?[] _depots = new Depot?[classes.Length];

    // Whether all classes are paired, because the heap is profiled. Written before the depots are told; a depot that
    // is created meanwhile reads it after it is in the table.
    private volatile bool _isPaired;

    public int Count => _depots.Length;

    // The depot of a class; created if necessary.
    public Depot this[int sizeClass] => Find(sizeClass) ?? Create(sizeClass);

    // The depot of a class, or null if no block of the class was ever allocated.
    public Depot? Find(int sizeClass) => Volatile.Read(ref _depots[sizeClass]);

    private Depot Create(int sizeClass)
    {
        Random? placement = isPlacedAtRandom ? NewPlacement() : null;
        bool hasStripes = classes.Length > SizeClass.Count && sizeClass < SizeClass.Count;
        Depot created = new(
            arena, units, heapSlot, classes[sizeClass], budget, placement, hasStripes ? Stripe.Count : 1);
        created.SetPaired(_isPaired);
        Depot? first = Interlocked.CompareExchange(ref _depots[sizeClass], created, null);
        if (first is null)
        {
            // Until it has the form that is wanted after it was told: SetPaired may run beside this.
            bool isPaired;
            do
            {
                isPaired = _isPaired;
                created.SetPaired(isPaired);
                Interlocked.MemoryBarrier();
            }
            while (_isPaired != isPaired);
        }

        return first ?? created;
    }

    // Gives new spans of all classes page-map entries for paired bins, or for those of their class again. The caller
    // rewrites the entries of older spans afterwards.
    public void SetPaired(bool isPaired)
    {
        _isPaired = isPaired;
        Interlocked.MemoryBarrier();
        for (int index = 0; index < _depots.Length; index++)
        {
            Find(index)?.SetPaired(isPaired);
        }
    }

    // Not inlined, so that Random is loaded only if placement is random.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Random NewPlacement() => new();
}
