using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Makes, frees and inspects magazines; Records/Magazine.cs has their layout.
internal static unsafe class Magazines
{
    // Whether one of the newest blocks, from a slot downwards, is a second time two or three slots below: what is left
    // where a block is freed, then one or two others, then the first again. Looks at so many slots, or down to a null:
    // the one in front of the slots, or a hole.
    public static bool HasRepeated(void** newest, int most)
    {
        // SAFETY: below a block is at least the null in front of the slots.
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

    // The same for a magazine that has no holes, from end to end: half of the steps, for what every magazine goes
    // through that reaches a depot.
    public static bool HasRepeated(Magazine* magazine)
    {
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

    // A new magazine of at least the given capacity, empty; null if memory is out.
    public static Magazine* TryCreate(MetadataAllocator metadata, int capacity)
    {
        int bytes = BytesFor(capacity);
        Magazine* magazine = (Magazine*)metadata.TryAllocate(bytes);
        if (magazine != null)
        {
            magazine->Capacity = (ushort)((MetadataAllocator.RoundUp(bytes) - Magazine.HeaderBytes) / sizeof(void*));
        }

        return magazine;
    }

    public static void Destroy(MetadataAllocator metadata, Magazine* magazine) =>
        metadata.Free(magazine, BytesFor(magazine->Capacity));

    private static int BytesFor(int capacity) => Magazine.HeaderBytes + (capacity * sizeof(void*));
}
