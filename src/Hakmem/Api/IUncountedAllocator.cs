namespace Hakmem.Api;

// An allocator of the library's own behind a ForeignHeap, for a caller that tries until there is room: each try that
// fails is no refusal, but giving up is one.
internal unsafe interface IUncountedAllocator
{
    // As TryAlloc, but null if there is no room, and no refusal is counted.
    void* TryAllocUncounted(nuint byteCount);

    // As TryRealloc, but null if there is no room, and no refusal is counted.
    void* TryReallocUncounted(void* ptr, nuint byteCount);

    // Counts one refusal of such a request.
    void CountRefused(nuint byteCount);
}
