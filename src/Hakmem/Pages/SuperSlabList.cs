using System.Diagnostics;
using Hakmem.Records;

namespace Hakmem.Pages;

// A list of SuperSlabs, newest first, linked through their headers; each is in one list at most. Not thread-safe.
internal unsafe struct SuperSlabList()
{
    public int Head { get; private set; } = -1;

    public int Tail { get; private set; } = -1;

    public int Count { get; private set; }

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
        Count++;
    }

    // Adds a SuperSlab behind those that became empty later. Before those of the same time: each is the oldest in turn.
    public void AddByAge(Arena arena, int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        int newer = Tail;
        while (newer >= 0 && arena.Slab(newer)->EmptySince <= header->EmptySince)
        {
            newer = arena.Slab(newer)->Previous;
        }

        if (newer < 0)
        {
            AddFirst(arena, slab);
            return;
        }

        SuperSlabHeader* before = arena.Slab(newer);
        header->Previous = newer;
        header->Next = before->Next;
        if (before->Next >= 0)
        {
            arena.Slab(before->Next)->Previous = slab;
        }
        else
        {
            Tail = slab;
        }

        before->Next = slab;
        Count++;
    }

    public void Remove(Arena arena, int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        Debug.Assert(header->Previous >= 0 || Head == slab, "The SuperSlab is not in this list.");
        Debug.Assert(header->Next >= 0 || Tail == slab, "The SuperSlab is not in this list.");
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

        Count--;
    }

    // Checks that the links lead from the head to the tail and back. Returns the number of SuperSlabs in the list, at
    // most so many.
    public readonly int Verify(HeapCheck check, Arena arena, int most)
    {
        int count = 0;
        int previous = -1;
        for (int slab = Head; slab >= 0 && count < most; slab = arena.Slab(slab)->Next)
        {
            int back = arena.Slab(slab)->Previous;
            check.Require(
                back == previous, "a SuperSlab's link back leads to the one before it",
                (nuint)arena.AddressOfSlab(slab), back);
            previous = slab;
            count++;
        }

        check.Require(Tail == previous, "a list of SuperSlabs ends at its tail", (nuint)arena.Base, Tail);
        return count;
    }
}
