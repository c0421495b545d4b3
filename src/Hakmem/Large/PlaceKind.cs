namespace Hakmem.Large;

internal enum PlaceKind
{
    // No block is there.
    NotThere,

    // What is there belongs to another heap.
    OtherHeap,

    // The address lies in a block, or in the run or range that the block is alone in.
    Found,
}
