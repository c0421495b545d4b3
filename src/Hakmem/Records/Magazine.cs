using System.Runtime.InteropServices;

namespace Hakmem.Records;

// A small array of pointers to free blocks of one size class, out of band: the unit of exchange between threads
// (Bonwick and Adams, "Magazines and Vmem", 2001). The blocks themselves are never written.
//
//   +------+-------+----------+-------+----------+---------+---------+-----
//   | Next | Count | Capacity | Holes | Sentinel | slot 0  | slot 1  | ...
//   +------+-------+----------+-------+----------+---------+---------+-----
//                                     always null  oldest    newer
//
// While a thread has it loaded, the thread's bin points at its newest slot and Count is out of date. The bin of an
// empty magazine points at the null before slot 0, so that one load both fetches a block and tells that there is none.
//
// One thread's cache owns it, or a depot under its lock; it changes owners under that lock.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Magazine
{
    public const int HeaderBytes = 24;

    public Magazine* Next;
    public int Count;
    public ushort Capacity;

    // How many slots, from the oldest on, are null because the reaper took their blocks. Only in a thread's cache,
    // until its next slow path closes the gap: the magazines of a depot have none.
    public ushort Holes;

    public void* Sentinel;

    // SAFETY: a magazine is always allocated with room for Capacity slots behind its header.
    public static void** SlotsOf(Magazine* magazine) => (void**)((byte*)magazine + HeaderBytes);
}
