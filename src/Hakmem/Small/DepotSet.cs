using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Pages;

namespace Hakmem.Small;

// The depots of one heap, by size class: each made when the first block of its class is wanted. All 112 at once are 25 KiB, of which a process
// that is over soon, or a heap that is made for one request, uses a few.
//
// Who has a block of a class finds its depot made: only taking makes one, so that a Free needs no managed memory for it.
//
// Thread-safe without a lock: a place is written once, by compare and exchange, and read with acquire, so that a thread
// that sees a depot sees all of it. Two threads may make one at the same time: the first is kept, and the other has
// touched nothing but its own memory. Making one allocates managed memory, which may throw: so it is done under no lock
// and outside any cache's gate.
internal sealed class DepotSet(Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo[] classes, DepotBudget budget, bool isPlacedAtRandom = false)
{
    private readonly Depot?[] _depots = new Depot?[classes.Length];

    // How many classes there are.
    public int Count => _depots.Length;

    // The depot of a class.
    public Depot this[int sizeClass] => Find(sizeClass) ?? Make(sizeClass);

    // The same, or null where no block of the class was ever wanted.
    public Depot? Find(int sizeClass) => Volatile.Read(ref _depots[sizeClass]);

    private Depot Make(int sizeClass)
    {
        Depot made = new(arena, units, heapSlot, classes[sizeClass], budget, isPlacedAtRandom ? NewPlacement() : null);
        return Interlocked.CompareExchange(ref _depots[sizeClass], made, null) ?? made;
    }

    // Apart, so that the type is not so much as loaded where nothing is placed at random.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Random NewPlacement() => new();
}
