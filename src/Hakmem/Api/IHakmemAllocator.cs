namespace Hakmem;

/// <summary>
/// An allocator of unmanaged memory. Member names and edge cases follow
/// <see cref="System.Runtime.InteropServices.NativeMemory"/>, so a program can move to it by search and replace.
/// </summary>
/// <remarks>
/// Thread-safe: any thread may call every member, and may free, resize or measure a block that another thread
/// allocated. Callers synchronise their own accesses to the bytes of a block.
/// </remarks>
public unsafe interface IHakmemAllocator
{
    /// <summary>Allocates a block, aligned to 16 bytes. Its contents are undefined.</summary>
    /// <param name="byteCount">The size in bytes. For zero the block is unique, may be freed, and has no bytes.</param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="System.OutOfMemoryException">The system, address range or heap's limit is full.</exception>
    /// <exception cref="HakmemCorruptionException">An earlier double free, or a write to a freed block, was found;
    /// nothing was allocated. Each member that allocates may throw it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* Alloc(nuint byteCount);

    /// <summary>Allocates a block as <see cref="Alloc"/> does and sets the requested bytes to zero.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="System.OutOfMemoryException">The system, address range or heap's limit is full.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* AllocZeroed(nuint byteCount);

    /// <summary>Allocates a block whose address is a multiple of <paramref name="alignment"/>.
    /// <see cref="Free(void*)"/> frees it, as any other block.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <param name="alignment">The alignment in bytes: a power of two. A value below 16 counts as 16. Above 64 KiB the
    /// block takes whole SuperSlabs of 2 MiB.</param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="System.ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="System.OutOfMemoryException">The system, address range or heap's limit is full.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* AlignedAlloc(nuint byteCount, nuint alignment);

    /// <summary>Changes the size of a block, in place if possible, and keeps the bytes that both sizes have. The caller
    /// must not use the old pointer afterwards.</summary>
    /// <param name="ptr">A block of this heap, or null to allocate a new one.</param>
    /// <param name="byteCount">The new size in bytes. Zero returns a block as <see cref="Alloc"/> of zero does.</param>
    /// <returns>The block, aligned to 16 bytes; never null. If the call throws, the old block is unchanged.</returns>
    /// <exception cref="System.OutOfMemoryException">There is no room; the old block is still valid.</exception>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as
    /// the hardening level can detect it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* Realloc(void* ptr, nuint byteCount);

    /// <summary>Changes the size of a block as <see cref="Realloc(void*, nuint)"/> does, to an address that is a
    /// multiple of <paramref name="alignment"/>, whatever the block's alignment was. The caller must not use the old
    /// pointer afterwards.</summary>
    /// <param name="ptr">A block of this heap, or null to allocate a new one.</param>
    /// <param name="byteCount">The new size in bytes; zero is allowed.</param>
    /// <param name="alignment">The alignment in bytes, as for <see cref="AlignedAlloc"/>.</param>
    /// <returns>The block; never null. If the call throws, the old block is unchanged.</returns>
    /// <exception cref="System.ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="System.OutOfMemoryException">There is no room; the old block is still valid.</exception>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as
    /// the hardening level can detect it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* Realloc(void* ptr, nuint byteCount, nuint alignment);

    /// <summary>Frees a block of this heap, which any thread may have allocated. Null does nothing.</summary>
    /// <param name="ptr">The block, or null.</param>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as
    /// the hardening level can detect it. Or an earlier double free was found: then the exception names the address of
    /// that block, and <paramref name="ptr"/> has been freed.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void Free(void* ptr);

    /// <summary>Frees a block as <see cref="Free(void*)"/> does, and checks what the caller takes for its size. Null
    /// does nothing, whatever the size.</summary>
    /// <param name="ptr">The block, or null.</param>
    /// <param name="byteCount">The size in bytes that was requested, or any other up to what
    /// <see cref="UsableSize"/> returns.</param>
    /// <exception cref="HakmemCorruptionException">The block has fewer bytes than <paramref name="byteCount"/>; it is
    /// still allocated. Or the reasons of <see cref="Free(void*)"/>.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void Free(void* ptr, nuint byteCount);

    /// <summary>Allocates a block as <see cref="Alloc"/> does that has room for <see cref="GoodSize"/> bytes, all of
    /// which the caller may use. It takes no more memory than a block of <paramref name="byteCount"/> bytes.</summary>
    /// <param name="byteCount">The least size in bytes; zero is allowed.</param>
    /// <param name="usable">The size in bytes, at least <paramref name="byteCount"/>: what
    /// <see cref="UsableSize"/> returns for the block.</param>
    /// <returns>The block, aligned to 16 bytes; never null.</returns>
    /// <exception cref="System.OutOfMemoryException">The system, address range or heap's limit is full.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void* AllocAtLeast(nuint byteCount, out nuint usable);

    /// <summary>Returns the size to which a request is rounded up: that of the block that <see cref="AllocAtLeast"/>
    /// allocates for it.</summary>
    /// <remarks>
    /// A block of <see cref="Alloc"/> may have fewer bytes, though never fewer than requested: up to 4 KiB fewer above
    /// 1 MiB, where blocks begin at different offsets, and exactly those requested if it is guarded. So use
    /// <see cref="AllocAtLeast"/>, or request this size. With full hardening the size is that of the class up to 1 KiB,
    /// and above, where all blocks are guarded, the requested one; a fallback does not round at all.
    /// </remarks>
    /// <param name="byteCount">The requested size in bytes.</param>
    /// <returns>The size in bytes: at least <paramref name="byteCount"/>, and equal to it if no block can be so large.
    /// The size of a good size is the same.</returns>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    nuint GoodSize(nuint byteCount);

    /// <summary>Allocates as <see cref="Alloc"/> does, but does not throw if there is no room.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <param name="ptr">The block, or null.</param>
    /// <returns>False if the system, the address range or the heap's limit has no room for the block.</returns>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    bool TryAlloc(nuint byteCount, out void* ptr);

    /// <summary>Allocates as <see cref="AllocZeroed"/> does, but does not throw if there is no room.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <param name="ptr">The block, whose requested bytes are zero; or null.</param>
    /// <returns>False if the system, the address range or the heap's limit has no room for the block.</returns>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    bool TryAllocZeroed(nuint byteCount, out void* ptr);

    /// <summary>Allocates as <see cref="AlignedAlloc"/> does, but does not throw if there is no room.</summary>
    /// <param name="byteCount">The size in bytes.</param>
    /// <param name="alignment">The alignment in bytes, as for <see cref="AlignedAlloc"/>.</param>
    /// <param name="ptr">The block, or null.</param>
    /// <returns>False if the system, the address range or the heap's limit has no room for the block.</returns>
    /// <exception cref="System.ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr);

    /// <summary>Changes the size of a block as <see cref="Realloc(void*, nuint)"/> does, but does not throw if there is
    /// no room.</summary>
    /// <param name="ptr">A block of this heap, or null to allocate a new one; afterwards the resized block, aligned to
    /// 16 bytes. It is unchanged if the call returns false or throws.</param>
    /// <param name="byteCount">The new size in bytes; zero is allowed.</param>
    /// <returns>False if the system, the address range or the heap's limit has no room. The block then has its address,
    /// its contents and at least its size.</returns>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as
    /// the hardening level can detect it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    bool TryRealloc(ref void* ptr, nuint byteCount);

    /// <summary>Makes a block larger without moving it, if that is possible. Blocks up to 1 MiB cannot grow beyond
    /// <see cref="UsableSize"/>, unless <see cref="Realloc(void*, nuint)"/> has made them growable; larger ones can
    /// while the memory behind them is unused. Blocks never shrink.</summary>
    /// <param name="ptr">A block of this heap, or null, for which the result is false.</param>
    /// <param name="byteCount">How many bytes the caller wants to use.</param>
    /// <returns>True if the caller may use <paramref name="byteCount"/> bytes of the block from now on. Otherwise the
    /// block has its address, its contents and at least its size.</returns>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as
    /// the hardening level can detect it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    bool TryExpand(void* ptr, nuint byteCount);

    /// <summary>Returns how many bytes of a live block the caller may use: at least as many as it requested.</summary>
    /// <param name="ptr">A block of this heap, or null, for which the result is zero.</param>
    /// <returns>The size in bytes.</returns>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of this heap, as far as
    /// the hardening level can detect it.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    nuint UsableSize(void* ptr);

    /// <summary>Returns whether an address lies in memory that this heap allocates blocks from. Interior addresses
    /// count; null does not. Never throws.</summary>
    /// <param name="ptr">Any address.</param>
    /// <returns>True for an address inside a span or large run of this heap, whether or not its block is live; false
    /// for a disposed heap.</returns>
    bool Owns(void* ptr);

    /// <summary>Returns all unused memory to the operating system: that of the calling thread's cache, of the caches of
    /// ended threads and of the depots, empty spans and cached SuperSlabs.</summary>
    /// <exception cref="HakmemCorruptionException">An earlier double free was found; the exception names the address of
    /// the block. All unused memory was returned nevertheless.</exception>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    void Trim();

    /// <summary>Returns the statistics of the heap. They are exact while no other thread is in a call of the heap;
    /// otherwise each figure is recent.</summary>
    /// <returns>The statistics; their <c>ToString()</c> returns a table.</returns>
    /// <exception cref="System.ObjectDisposedException">The heap has been disposed.</exception>
    HakmemStatistics GetStatistics();
}
