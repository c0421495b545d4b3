using Hakmem.Records;

namespace Hakmem.Pages;

// SuperSlabs that were released recently. The arena hands out others first, so that a stale pointer of the program
// points to nothing for a while, rather than to another heap's blocks. A queue, linked through the SuperSlabs' headers,
// which have no other user meanwhile. Not thread-safe: guarded by the arena's lock.
internal sealed unsafe class ReleasedSuperSlabs(Arena arena)
{
    private int _newest = -1;

    public int Count { get; private set; }

    // The SuperSlab that was released first; -1 if there is none.
    public int Oldest { get; private set; } = -1;

    public void Add(int slab)
    {
        arena.AssertLocked();
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
        arena.AssertLocked();
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
