using System;
using Hakmem.Records;

namespace Hakmem.Heaps;

// What HakmemAllocator's slow paths ask of a heap. There are two kinds: Heap, and FallbackHeap for processes that have
// no arena. The paths that Heap serves most often, from a thread's own cache, are not here: a fallback's threads have
// no caches, so those calls are made on Heap itself.
//
// cache is the calling thread's; null if there is none, as always in a fallback. Thread-safe, except that no other call
// may run during Dispose.
internal abstract unsafe class HeapCore
{
    // Creates a cache for the calling thread, which has none in this heap. Returns null if memory is out.
    public abstract ThreadCache* TryCreateThreadCache();

    // Allocates a block of any size and alignment (a power of two). Returns null if memory or the limit is out.
    public abstract void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed);

    // Resizes a block, which has the given alignment then, whatever it had before. Returns null if memory is out; the
    // old block then keeps its address and contents.
    public abstract void* TryReallocate(ThreadCache* cache, void* address, nuint byteCount, nuint alignment);

    // Makes a block at least so large without moving it. Returns false, and keeps address and contents, if it cannot.
    public abstract bool TryExpand(ThreadCache* cache, void* address, nuint byteCount);

    public abstract void Free(ThreadCache* cache, void* address);

    // Throws unless a live block of at least so many bytes begins at an address that is to be freed.
    public abstract void RequireSize(ThreadCache* cache, void* address, nuint byteCount);

    // Returns the bytes of a block for a request; the request itself if no block can be so large.
    public abstract nuint GoodSize(nuint byteCount);

    // operation: what the caller asks for, for messages.
    public abstract nuint UsableSize(ThreadCache* cache, void* address, string operation = "UsableSize");

    public abstract bool Owns(void* address);

    // For a debugger's view: enters no lock. False if it is not certain that the bytes can be read.
    public abstract bool CanRead(void* start, nuint byteCount);

    // For the same: the readable and writable bytes, by a plain read.
    public abstract long CommittedBytes { get; }

    // The most bytes that the heap may commit; 0 for no limit of its own.
    public abstract long LimitBytes { get; }

    // Releases what is unused.
    public abstract void Trim(ThreadCache* cache);

    public abstract HakmemStatistics GetStatistics();

    // Whether callers certainly hold no block. For a heap that refuses new calls.
    public abstract bool IsUnused();

    public abstract HakmemVerification Verify();

    public abstract HakmemHeapMap GetHeapMap();

    // Returns the exception for a failed allocation, with its cause.
    public abstract OutOfMemoryException OutOfMemory(nuint byteCount);

    // Releases everything, live blocks included.
    public abstract void Dispose();
}
