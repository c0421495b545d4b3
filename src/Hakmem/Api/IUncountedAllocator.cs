using System;

namespace Hakmem.Api;

// An allocator of the library's own behind a ForeignHeap, and what that asks of it beyond the interface. For a caller
// that tries until there is room, a try that fails is no refusal, but giving up is one.
internal unsafe interface IUncountedAllocator
{
    // The heap that its memory comes from.
    HakmemAllocator Heap { get; }

    // Whether its memory is released. While that is false, an ObjectDisposedException may be of a TryDispose that will
    // leave the heap as it is.
    bool IsDisposed { get; }

    // As TryAlloc, but null if there is no room, and no refusal is counted.
    void* TryAllocUncounted(nuint byteCount);

    // As TryRealloc, but null if there is no room, whatever the alignment: nothing is thrown for that. isCounted: if
    // that is counted as a refusal.
    void* TryRealloc(void* ptr, nuint byteCount, nuint alignment, bool isCounted);

    // Counts one refusal of such a request.
    void CountRefused(nuint byteCount);

    OutOfMemoryException OutOfMemory(nuint byteCount);
}
