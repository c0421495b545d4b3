using System;

namespace Hakmem;

// What the classes that own blocks for their callers need of a heap: buffers, arrays, writers, streams, pools.
public sealed unsafe partial class HakmemAllocator
{
    // Written once, before the memory goes. Not the slot, which TryDispose closes and may open again.
    private bool _isGone;

    // Whether the heap's memory is gone, for what outlives it. A plain read: nothing is published by it. A thread sees
    // it whose use is ordered after the disposal by whatever means; for one that races with it, no ordering would help,
    // as the memory may go between this and the use.
    internal bool IsDisposed => _isGone;

    // Realloc and AlignedAlloc for whoever cannot have an exception where there is no room: null then, and OutOfMemory
    // to throw later.
    internal void* TryRealloc(void* ptr, nuint byteCount, nuint alignment) =>
        _heap.TryReallocate(GetMagazines(), ptr, byteCount, alignment);

    internal void* TryAllocAligned(nuint byteCount, nuint alignment) =>
        TryAllocSlow(byteCount, alignment, isZeroed: false);

    internal OutOfMemoryException OutOfMemory(nuint byteCount) => _heap.OutOfMemory(byteCount);
}
