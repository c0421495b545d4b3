using System.Runtime.InteropServices;

namespace Hakmem.Records;

// A small array of pointers to free blocks of one size class, out of band: the unit of exchange between threads
// (Bonwick and Adams, "Magazines and Vmem", 2001). The blocks themselves are never written.
//
//   +------+-------+----------+-------+--------+----------+---------+---------+-----
//   | Next | Count | Capacity | Holes | Hidden | Sentinel | slot 0  | slot 1  | ...
//   +------+-------+----------+-------+--------+----------+---------+---------+-----
//                                              always null  oldest    newer
//
// While a thread has it loaded, the thread's bin points at its newest slot and Count is out of date. The bin of an
// empty magazine points at the null before slot 0, so that one load both fetches a block and tells that there is none.
// Under a profiler the bin may point below the newest slots, which Alloc then does not see (see SampleCountdown):
// Hidden is their number, and Count is the number of slots when they were hidden, so they end there.
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
    public byte Holes;

    // How many of the newest blocks are hidden from Alloc. Only in a primary magazine of a profiled thread's cache;
    // guarded by the cache's gate.
    public byte Hidden;

    public void* Sentinel;

    // SAFETY: a magazine is always allocated with room for Capacity slots behind its header.
    public static void** SlotsOf(Magazine* magazine) => (void**)((byte*)magazine + HeaderBytes);
}
