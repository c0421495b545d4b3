using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Arenas;
using Hakmem.Os;
using Hakmem.SizeClasses;
using Hakmem.Spans;

namespace Hakmem.Depots;

// The depots of one heap, by size class: each made when the first block of its class is wanted. All 112 at once are 25 KiB, of which a process
// that is over soon, or a heap that is made for one request, uses a few.
//
// Who has a block of a class finds its depot made: only taking makes one, so that a Free needs no managed memory for it.
//
// Thread-safe. The lock is taken above no other. A place is written once, under it, and read without: with release and acquire, so that who sees
// a depot sees all of it.
internal sealed class DepotSet(Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo[] classes, DepotBudget budget, bool isPlacedAtRandom = false)
{
    private readonly UninterruptibleLock _lock = new();
    private readonly Depot?[] _depots = new Depot?[classes.Length];

    // How many classes there are.
    public int Count => _depots.Length;

    // The depot of a class.
    public Depot this[int sizeClass] => Find(sizeClass) ?? Make(sizeClass);

    // The same, or null where no block of the class was ever wanted.
    public Depot? Find(int sizeClass) => Volatile.Read(ref _depots[sizeClass]);

    private Depot Make(int sizeClass)
    {
        using (_lock.Enter())
        {
            Depot? depot = _depots[sizeClass];
            if (depot is null)
            {
                depot = new Depot(arena, units, heapSlot, classes[sizeClass], budget, isPlacedAtRandom ? NewPlacement() : null);
                Volatile.Write(ref _depots[sizeClass], depot);
            }

            return depot;
        }
    }

    // Apart, so that the type is not so much as loaded where nothing is placed at random.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Random NewPlacement() => new();
}
