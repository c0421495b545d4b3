using Hakmem.Records;

namespace Hakmem.Pages;

// SuperSlabs that were given back not long ago: the arena hands out others first, so that a pointer that a program has
// kept by mistake leads to nothing for a while, rather than into another heap's blocks. A queue, linked through their
// headers, which nobody else uses meanwhile. Belongs to the arena's lock.
internal sealed unsafe class ReleasedSuperSlabs(Arena arena)
{
    private int _newest = -1;

    public int Count { get; private set; }

    // The one that was given back first; -1 if there is none.
    public int Oldest { get; private set; } = -1;

    public void Add(int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        header->Next = -1;
        header->Previous = _newest;
        if (_newest >= 0)
        {
            arena.Slab(_newest)->Next = slab;
        }
        else
        {
            Oldest = slab;
        }

        _newest = slab;
        Count++;
    }

    public void Remove(int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        if (header->Previous >= 0)
        {
            arena.Slab(header->Previous)->Next = header->Next;
        }
        else
        {
            Oldest = header->Next;
        }

        if (header->Next >= 0)
        {
            arena.Slab(header->Next)->Previous = header->Previous;
        }
        else
        {
            _newest = header->Previous;
        }

        Count--;
    }
}
