using System.Diagnostics;
using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Creates, destroys and inspects magazines; Records/Magazine.cs has their layout.
internal static unsafe class Magazines
{
    // The smallest page of a processor.
    private const int PageBytes = 4096;

    // Whether one of the newest blocks, from a slot downwards, is found again two or three slots below: the trace of a
    // program that frees a block, then one or two others, then the first again. Compares at most that many slots, down
    // to a null: the sentinel or a hole.
    public static bool HasRepeated(void** newest, int most)
    {
        // SAFETY: below a block there is at least the sentinel.
        void** slot = newest;
        void* first = slot[0];
        void* second = first == null ? null : slot[-1];
        void* third = second == null ? null : slot[-2];
        for (int i = 0; i < most && third != null; i++)
        {
            void* fourth = slot[-3];
            if (first == third || first == fourth)
            {
                return true;
            }

            first = second;
            second = third;
            third = fourth;
            slot--;
        }

        return false;
    }

    // The same over a whole magazine without holes, in half the steps: every magazine that reaches a depot passes it.
    public static bool HasRepeated(Magazine* magazine)
    {
        Debug.Assert(magazine->Holes == 0, "A magazine has holes.");
        void** slot = Magazine.SlotsOf(magazine);
        void** last = slot + magazine->Count - 1;
        for (; slot + 3 <= last; slot++)
        {
            if (slot[0] == slot[2] || slot[0] == slot[3])
            {
                return true;
            }
        }

        return slot + 2 <= last && slot[0] == slot[2];
    }

    // Creates an empty magazine of at least the given capacity; null if memory is out. Where two fill a page, creates
    // both, as far as there is memory; other is the second one, or null. A thread writes slot after slot, and what a
    // processor fetches in advance ends at a page: with magazines of two threads in a page, each fetched lines that the
    // other was about to write (private-16: 12 ns a free at times instead of 4).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Magazine* TryCreate(MetadataAllocator metadata, int capacity, out Magazine* other)
    {
        other = null;
        int bytes = MetadataAllocator.RoundUp(BytesFor(capacity));
        byte* page = bytes == PageBytes / 2 ? (byte*)metadata.TryAllocate(PageBytes) : null;
        if (page == null)
        {
            return TryCreate(metadata, capacity);
        }

        // Each half can be freed alone, as a record of its size.
        other = (Magazine*)(page + bytes);
        SetCapacity(other, bytes);
        SetCapacity((Magazine*)page, bytes);
        return (Magazine*)page;
    }

    // Creates one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Magazine* TryCreate(MetadataAllocator metadata, int capacity)
    {
        int bytes = BytesFor(capacity);
        Magazine* magazine = (Magazine*)metadata.TryAllocate(bytes);
        if (magazine != null)
        {
            SetCapacity(magazine, MetadataAllocator.RoundUp(bytes));
        }

        return magazine;
    }

    // Does nothing for null.
    public static void Destroy(MetadataAllocator metadata, Magazine* magazine)
    {
        if (magazine != null)
        {
            metadata.Free(magazine, BytesFor(magazine->Capacity));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetCapacity(Magazine* magazine, int bytes) =>
        magazine->Capacity = (ushort)((bytes - Magazine.HeaderBytes) / sizeof(void*));

    private static int BytesFor(int capacity) => Magazine.HeaderBytes + (capacity * sizeof(void*));
}
