using System;
using System.Buffers;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hakmem.Os;
using Hakmem.Regions;

namespace Hakmem;

/// <summary>
/// Unmanaged memory for many objects of one lifetime. An allocation takes the next bytes of a chunk; nothing is freed
/// by itself, but everything at once: by <see cref="Reset"/>, which keeps the chunks, or by <see cref="Dispose"/>.
/// </summary>
/// <remarks>
/// <para>
/// The idea is Hanson's ("Fast allocation and deallocation of memory based on object lifetimes", 1990). Java's
/// <c>Arena</c> has it too, with the same two kinds: one for a single thread, one for several.
/// </para>
/// <para>
/// Not thread-safe, unless <see cref="MemoryRegionOptions.IsShared"/> is set: then any number of threads may allocate
/// at once. <see cref="Reset"/> and <see cref="Dispose"/> must not run while another thread uses the region or a region
/// within it. A region may pass from thread to thread, as across an <c>await</c>. Where two threads use one at once
/// that is not shared, an allocation that needs another chunk throws an <see cref="InvalidOperationException"/> if it
/// sees that; with <see cref="HardeningLevel.Checked"/> or <see cref="HardeningLevel.Full"/> every call does.
/// </para>
/// <para>
/// Pointers and spans are valid until the region is reset or disposed; a later use is not detected, and reads or writes
/// memory of others. A <see cref="Memory{T}"/> of the region throws an <see cref="ObjectDisposedException"/> instead.
/// In a heap with checked or full hardening, each chunk and each large block lies between guard pages.
/// <see cref="Reset"/> frees the chunks there too, and freed ones are inaccessible until they leave the heap's
/// quarantine (<see cref="HakmemOptions.QuarantineBytes"/>), unless memory for guard pages is short.
/// </para>
/// <para>
/// A region's pointers are not the heap's blocks: do not pass them to the heap's <c>Free</c> and its siblings. The heap
/// refuses most of them, but takes the first one of a chunk, and a large one, for a block of its own.
/// </para>
/// <para>
/// There is no finalizer, because the collector cannot see spans and pointers. A region that is dropped undisposed
/// leaks its chunks, which stay in the heap's <see cref="HakmemStatistics.LiveBytes"/> until the heap is disposed.
/// Dispose regions before their heap, which frees their memory too.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed unsafe partial class MemoryRegion : IBufferWriter<byte>, IDisposable
{
    // The alignment of every block, in bytes, and what its size is rounded up to.
    private const nuint Unit = BumpRange.Unit;

    // What the fast path allocates from. It stays empty, so that each call ends in the slow path, in a shared region,
    // in one of a hardened heap, where each call is checked, and after the disposal.
    private BumpRange _direct;

    internal MemoryRegion(HakmemAllocator allocator, MemoryRegion? parent, MemoryRegionOptions? options)
    {
        options ??= new MemoryRegionOptions();
        _allocator = allocator;
        _parent = parent;
        _lock = parent is null ? new UninterruptibleLock() : parent._lock;
        _isShared = options.IsShared;
        _isHardened = allocator.IsHardened;
        _maxBytes = options.MaxBytes;
        _firstChunkBytes = BumpRange.RoundUp((nuint)options.ChunkBytes);
        _maxChunkBytes = nuint.Max(_firstChunkBytes, BumpRange.RoundUp((nuint)options.MaxChunkBytes));
        _maxSmallBytes = _firstChunkBytes / 4;
        _nextChunkBytes = _firstChunkBytes;
    }

    /// <summary>
    /// The number of bytes allocated since the region was created or reset, without those of regions within it: the
    /// size of each block, at least one, rounded up to 16, and the padding before blocks with a larger alignment. Zero
    /// after <see cref="Dispose"/>.
    /// </summary>
    public long UsedBytes
    {
        get
        {
            using (_lock.Enter())
            {
                return (long)(_closedUsedBytes + Range.UsedBytes);
            }
        }
    }

    /// <summary>The number of bytes that the region and the regions within it have from their heap: chunks, used or
    /// not, and blocks of large requests. Zero after <see cref="Dispose"/>.</summary>
    public long CommittedBytes
    {
        get
        {
            using (_lock.Enter())
            {
                return _committedBytes;
            }
        }
    }

    // A debugger's view enters no lock.
    internal string DebuggerDisplay => _isDisposed
        ? "disposed"
        : FormattableString.Invariant(
            $"UsedBytes = {_closedUsedBytes + Range.UsedBytes}, CommittedBytes = {_committedBytes}");

    /// <summary>Allocates a block, which is valid until the region is reset or disposed. Its contents are undefined.
    /// </summary>
    /// <param name="byteCount">The size in bytes; zero counts as one.</param>
    /// <param name="alignment">The alignment in bytes: a power of two. A value below 16 counts as 16, the default.
    /// </param>
    /// <returns>The block; never null.</returns>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="OutOfMemoryException">There is no room in the heap or below the region's limit; the region is
    /// unchanged.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in a call of the region, which is not shared, as
    /// far as that is detected.</exception>
    /// <exception cref="HakmemCorruptionException">The heap found damage when it was asked for a chunk; nothing was
    /// allocated.</exception>
    /// <exception cref="ObjectDisposedException">The region has been disposed, or its heap, if a chunk is needed.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Alloc(nuint byteCount, nuint alignment = 16)
    {
        // SAFETY: from Next to End is free memory of the region's chunk, or both are null. The size is checked before
        // it is rounded up, and the difference of the two is a multiple of the unit.
        byte* block = _direct.Next;
        if (alignment == Unit && byteCount - 1 < (nuint)_direct.End - (nuint)block)
        {
            _direct.Next = block + ((byteCount + (Unit - 1)) & ~(Unit - 1));
            return block;
        }

        return AllocSlow(byteCount, alignment);
    }

    /// <summary>Allocates a block as <see cref="Alloc(nuint, nuint)"/> does and sets the requested bytes to zero.
    /// </summary>
    /// <inheritdoc cref="Alloc(nuint, nuint)"/>
    public void* AllocZeroed(nuint byteCount, nuint alignment = 16)
    {
        void* block = Alloc(byteCount, alignment);
        ThrowIfGone();
        NativeMemory.Clear(block, byteCount);
        return block;
    }

    /// <summary>Allocates a block for elements, aligned to 16 bytes. Its contents are undefined.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="count">The number of elements; zero is allowed.</param>
    /// <returns>The block; never null. It is valid until the region is reset or disposed.</returns>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room in the heap or below the region's
    /// limit; the region is unchanged.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in a call of the region, which is not shared, as
    /// far as that is detected.</exception>
    /// <exception cref="ObjectDisposedException">The region has been disposed, or its heap, if a chunk is needed.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* Alloc<T>(nuint count)
        where T : unmanaged
    {
        // A size that overflows becomes the largest, which is always rejected.
        bool overflows = count > nuint.MaxValue / (nuint)sizeof(T);
        return (T*)Alloc(overflows ? nuint.MaxValue : count * (nuint)sizeof(T));
    }

    /// <summary>Allocates elements and returns them as a span, without garbage.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="length">The number of elements, zero or more.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The elements, aligned to 16 bytes. Do not use the span after the region has been reset or disposed.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no room in the heap or below the region's limit; the region is
    /// unchanged.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in a call of the region, which is not shared, as
    /// far as that is detected.</exception>
    /// <exception cref="ObjectDisposedException">The region has been disposed, or its heap, if a chunk is needed.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<T> AllocSpan<T>(int length, bool zeroed = false)
        where T : unmanaged
    {
        Argument.RequireNotNegative(length);
        Span<T> span = new(Alloc<T>((nuint)length), length);
        if (zeroed)
        {
            ThrowIfGone();
            span.Clear();
        }

        return span;
    }

    /// <summary>Allocates elements as memory that can be kept across an <c>await</c>: its span and its pin throw an
    /// <see cref="ObjectDisposedException"/> once the region has been reset or disposed. One small object is garbage.
    /// </summary>
    /// <inheritdoc cref="AllocSpan{T}(int, bool)"/>
    /// <returns>The elements, aligned to 16 bytes.</returns>
    public Memory<T> AllocMemory<T>(int length, bool zeroed = false)
        where T : unmanaged => CreateMemory(AllocSpan<T>(length, zeroed)).Memory;

    /// <summary>Allocates elements as <see cref="AllocMemory{T}"/> does, behind an owner. The owner's disposal makes
    /// its memory unusable, but frees nothing: that waits for the region.</summary>
    /// <inheritdoc cref="AllocSpan{T}(int, bool)"/>
    /// <returns>The owner; its memory has exactly the requested length. It need not be disposed.</returns>
    public IMemoryOwner<T> RentMemory<T>(int length, bool zeroed = false)
        where T : unmanaged => CreateMemory(AllocSpan<T>(length, zeroed));

    /// <summary>Creates a region within this one: it takes chunks of its own from the same heap, counts for the limit
    /// of this region, and is disposed with it or with its next <see cref="Reset"/>, if not before.</summary>
    /// <param name="options">The options of the new region; null for the default values.</param>
    /// <returns>The region. Another thread than this region's may use it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value of the options is out of its range.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in a call of this region, which is not shared, as
    /// far as that is detected.</exception>
    /// <exception cref="ObjectDisposedException">The region or its heap has been disposed.</exception>
    public MemoryRegion CreateRegion(MemoryRegionOptions? options = null)
    {
        options?.Validate(nameof(options));
        MemoryRegion child = new(_allocator, this, options);
        bool isOuter = EnterCall();
        bool isGone = IsGone || !TryLink(child);
        ExitCall(isOuter);
        return isGone ? throw GoneError() : child;
    }

    /// <summary>
    /// Frees everything that was allocated from the region and disposes the regions within it. The region keeps its
    /// chunks for what comes next; blocks of large requests return to the heap. (In a heap with checked or full
    /// hardening the chunks return too.) Pointers and spans from before must not be used any more, and a
    /// <see cref="Memory{T}"/> from before throws.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in a call of the region or of one within it, as
    /// far as that is detected; regions within it may have been disposed.</exception>
    /// <exception cref="HakmemCorruptionException">The heap found damage; the region was reset nevertheless.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The region or its heap has been disposed.</exception>
    public void Reset()
    {
        bool isOuter = EnterCall();
        HakmemCorruptionException? finding = null;
        bool isGone = IsGone;
        bool isFree = true;
        try
        {
            isFree = isGone || TryDisposeChildren(out finding);
            if (!isGone && isFree)
            {
                finding = ResetChunks() ?? finding;
            }
        }
        finally
        {
            ExitCall(isOuter);
        }

        if (isGone)
        {
            throw GoneError();
        }

        ThrowIfInUse(!isFree);
        NativeBlock.ThrowIfFound(finding);
    }

    /// <summary>Returns all memory of the region, and of the regions within it, to the heap. A second call does
    /// nothing, nor does a call after the heap's disposal.</summary>
    /// <exception cref="InvalidOperationException">Another thread is in a call of the region, which is not shared, or
    /// of one within it, as far as that is detected. Nothing of the region itself was freed.</exception>
    /// <exception cref="HakmemCorruptionException">The heap found damage; everything was freed nevertheless.
    /// </exception>
    public void Dispose()
    {
        bool isOuter = EnterCall();
        HakmemCorruptionException? finding = null;
        bool isFree = false;
        try
        {
            // Again, if a region was created within this one meanwhile.
            for (bool isDone = false; !isDone;)
            {
                isFree = TryDisposeChildren(out HakmemCorruptionException? ofChildren);
                finding = ofChildren ?? finding;
                isDone = !isFree || TryDisposeChunks(out ofChildren);
                finding = ofChildren ?? finding;
            }
        }
        finally
        {
            ExitCall(isOuter);
        }

        ThrowIfInUse(!isFree);
        NativeBlock.ThrowIfFound(finding);
    }

    // The elements behind a Memory<T>. They do not move, so the reference to the first is its address.
    private RegionMemory<T> CreateMemory<T>(Span<T> elements)
        where T : unmanaged =>
        new(this, (T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(elements)), elements.Length);
}
