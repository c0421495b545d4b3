using System.Runtime.InteropServices;
using Hakmem.Arenas;

namespace Hakmem.Depots;

// A small array of pointers to free blocks of one size class, out of band: the unit of exchange between threads (Bonwick & Adams,
// "Magazines and Vmem", 2001). The blocks themselves are never written.
//
//   +------+-------+----------+-------+----------+---------+---------+-----
//   | Next | Count | Capacity | Holes | Sentinel | slot 0  | slot 1  | ...
//   +------+-------+----------+-------+----------+---------+---------+-----
//                                     always null  oldest    newer
//
// While a thread has it loaded, the thread's bin points at its newest slot and Count is out of date. The null in front of slot 0 is
// what an empty magazine's bin points at, so that one load both fetches a block and tells that there is none.
//
// Owned by one thread's cache, or by a depot under its lock; hand-over is through that lock.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Magazine
{
    private const int HeaderBytes = 24;

    public Magazine* Next;
    public int Count;
    public ushort Capacity;

    // How many slots, from the oldest on, are null because the reaper took their blocks. Only in a thread's cache, until its next slow path
    // closes the gap: a depot's magazines have none.
    public ushort Holes;

    public void* Sentinel;

    // SAFETY: a magazine is always allocated with room for Capacity slots behind its header.
    public static void** SlotsOf(Magazine* magazine) => (void**)((byte*)magazine + HeaderBytes);

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
        void** slot = SlotsOf(magazine);
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
            magazine->Capacity = (ushort)((MetadataAllocator.RoundUp(bytes) - HeaderBytes) / sizeof(void*));
        }

        return magazine;
    }

    public static void Destroy(MetadataAllocator metadata, Magazine* magazine) =>
        metadata.Free(magazine, BytesFor(magazine->Capacity));

    private static int BytesFor(int capacity) => HeaderBytes + (capacity * sizeof(void*));
}
