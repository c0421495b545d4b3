using Hakmem.Records;

namespace Hakmem.Pages;

// A list of SuperSlabs linked through their headers, newest first. A SuperSlab is in at most one list. Not thread-safe.
internal unsafe struct SuperSlabList()
{
    public int Head { get; private set; } = -1;

    public int Tail { get; private set; } = -1;

    public readonly bool IsEmpty => Head < 0;

    public void AddFirst(Arena arena, int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        header->Next = Head;
        header->Previous = -1;
        if (Head >= 0)
        {
            arena.Slab(Head)->Previous = slab;
        }
        else
        {
            Tail = slab;
        }

        Head = slab;
    }

    public void Remove(Arena arena, int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        if (header->Previous >= 0)
        {
            arena.Slab(header->Previous)->Next = header->Next;
        }
        else
        {
            Head = header->Next;
        }

        if (header->Next >= 0)
        {
            arena.Slab(header->Next)->Previous = header->Previous;
        }
        else
        {
            Tail = header->Previous;
        }
    }
}
