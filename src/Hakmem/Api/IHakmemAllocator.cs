namespace Hakmem;

/// <summary>
/// An unmanaged-memory allocator. Member names and edge cases follow
/// <see cref="System.Runtime.InteropServices.NativeMemory"/>, so that moving to it is a search and replace.
/// </summary>
/// <remarks>
/// Every member may be called from any thread, and any thread may free, resize or measure a block that another
/// allocated. What a caller does with the bytes of one block on two threads is the caller's to order.
/// </remarks>
public unsafe interface IHakmemAllocator
{
    /// <summary>Allocates a block of at least <paramref name="byteCount"/> bytes, aligned to 16 bytes; its contents are undefined.</summary>
    /// <param name="byteCount">The size in bytes. Zero gives a unique pointer that may be freed but not read.</param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="System.OutOfMemoryException">The system, the address range or the heap's limit has no room for it.</exception>
    /// <exception cref="HakmemCorruptionException">
    /// An earlier double free, or a write to a freed block, came to light; nothing was allocated. Each member that allocates may throw it.
    /// </exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* Alloc(nuint byteCount);

    /// <summary>Allocates as <see cref="Alloc"/> does, with all usable bytes that were asked for set to zero.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="System.OutOfMemoryException">The system, the address range or the heap's limit has no room for it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* AllocZeroed(nuint byteCount);

    /// <summary>Allocates a block whose address is a multiple of <paramref name="alignment"/>. <see cref="Free"/> it like any other.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <param name="alignment">The alignment in bytes: a power of two. Below 16 it counts as 16; above 64 KiB the block takes whole SuperSlabs of 2 MiB.</param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="System.ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="System.OutOfMemoryException">The system, the address range or the heap's limit has no room for it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* AlignedAlloc(nuint byteCount, nuint alignment);

    /// <summary>
    /// Gives a block of <paramref name="byteCount"/> bytes that starts with the old block's contents, growing or shrinking
    /// in place where that is possible. The old pointer must not be used afterwards.
    /// </summary>
    /// <param name="ptr">A block of this heap, or null for a new one.</param>
    /// <param name="byteCount">The new size in bytes. Zero gives a block as <see cref="Alloc"/> of zero does.</param>
    /// <returns>The block, aligned to 16 bytes; never null. If an exception is thrown, the old block is untouched.</returns>
    /// <exception cref="System.OutOfMemoryException">There is no room; the old block is still valid.</exception>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as the hardening level can tell.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* Realloc(void* ptr, nuint byteCount);

    /// <summary>Frees a block of this heap, from any thread. Null does nothing.</summary>
    /// <param name="ptr">The block, or null.</param>
    /// <exception cref="HakmemCorruptionException">
    /// <paramref name="ptr"/> is not a live block of this heap, as far as the hardening level can tell. Or an earlier double free came to
    /// light: then the exception names that block's address, and <paramref name="ptr"/> has been freed.
    /// </exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void Free(void* ptr);

    /// <summary>Allocates as <see cref="Alloc"/> does, and reports exhaustion by its result instead of an exception.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <param name="ptr">The block, or null.</param>
    /// <returns>False when memory, the address range or the heap's limit is used up.</returns>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    bool TryAlloc(nuint byteCount, out void* ptr);

    /// <summary>How many bytes of a live block may be used: at least as many as were asked for.</summary>
    /// <param name="ptr">A block of this heap; null gives zero.</param>
    /// <returns>The size in bytes.</returns>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as the hardening level can tell.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    nuint UsableSize(void* ptr);

    /// <summary>Whether an address lies in memory that this heap has handed out blocks from. Interior addresses count; null does not.</summary>
    /// <param name="ptr">Any address at all.</param>
    /// <returns>True for an address inside one of this heap's spans or large runs, whether or not its block is live; false on a disposed heap.</returns>
    bool Owns(void* ptr);

    /// <summary>
    /// Gives back to the operating system whatever is not in use: the calling thread's cache and those of dead threads,
    /// the depots, empty spans and cached SuperSlabs.
    /// </summary>
    /// <exception cref="HakmemCorruptionException">An earlier double free came to light, whose address the exception names; everything was given back all the same.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void Trim();

    /// <summary>A snapshot of the heap's figures. Exact while no other thread is in the heap; otherwise each figure is recent.</summary>
    /// <returns>The figures; <c>ToString()</c> gives a table.</returns>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    HakmemStatistics GetStatistics();
}
