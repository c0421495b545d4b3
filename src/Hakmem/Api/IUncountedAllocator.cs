namespace Hakmem.Api;

// An allocator of the library's own behind a ForeignHeap. A caller that tries until there is room has each try that fails
// count as no refusal, but giving up as one.
internal unsafe interface IUncountedAllocator
{
    // Whether its memory is released. While that is false, an ObjectDisposedException may be of a TryDispose that will
    // leave the heap as it is.
    bool IsDisposed { get; }

    // As TryAlloc, but null if there is no room, and no refusal is counted.
    void* TryAllocUncounted(nuint byteCount);

    // As TryRealloc, but null if there is no room, and no refusal is counted.
    void* TryReallocUncounted(void* ptr, nuint byteCount);

    // Counts one refusal of such a request.
    void CountRefused(nuint byteCount);
}
