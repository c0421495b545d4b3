using System.Runtime.InteropServices;

namespace Hakmem.Records;

// One size class in a thread's cache: what only the slow paths need.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct BinState
{
    public const int Bytes = 32;

    // Where the bin's AllocTop was when the clock last came by: if it still is, the class is idle.
    public void** LastTop;

    // Where AllocTop and FreeTop were when the reaper last came by. Read and written by the reaper alone, under the cache's gate.
    public void** ReaperAllocTop;
    public void** ReaperFreeTop;

    // How many blocks a magazine may hold now: 0 before the first use, then from the class's initial capacity to its largest.
    public int Capacity;

    // Whether the slow path has been here since the clock last came by.
    public bool IsReferenced;

    // Whether the budget has a second magazine of a stacked class in it.
    public bool HasSecond;
}
