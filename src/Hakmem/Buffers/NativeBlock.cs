using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem;

// One resizable block, for the classes that own memory for longer than a scope: a writer's buffer, an array, a stream's
// chunk.
//
// Views (NativeBlockMemory) read Pointer at each access. So they follow the block when it moves, and they throw once it
// is freed or its heap is disposed. A pin is different: its holder, the kernel for instance, may use the address until
// it unpins. So while there are pins the memory under them stays: resizing copies to a new block, freeing waits, and
// the last unpin frees the blocks that were kept. The rejected alternative is to throw: then a pending read on one
// thread would make a Write or Dispose on another thread fail.
//
// The owner orders its own calls (Resize, Free, reads of Pointer), but a free may come beside a resize: the owner may
// be disposed while it waits for room. Pin and Unpin may come from any thread at any time.
//
// Under the lock no managed memory is allocated, and nothing is thrown that a legal program can cause: a handler of
// FirstChanceException may pin the same memory. Only one call of the heap runs under the lock, the one that may move
// the block, since no pin may begin meanwhile. It returns null if there is no room. It may still throw
// HakmemCorruptionException; the fields are then unchanged.
internal sealed unsafe class NativeBlock
{
    // About a microsecond. The disposal that is waited for takes many.
    private const int TurnsBetweenTries = 32;

    // The public class that owns the memory, for messages.
    private readonly Type _owner;
    private readonly HakmemAllocator _allocator;
    private readonly nuint _alignment;

    // Whether Realloc is code of the program, which must not run under the lock: it may throw, and wait for a thread
    // that pins the same memory.
    private readonly bool _mustCopy;
    private readonly UninterruptibleLock _lock = new();

    // Guarded by _lock: the number of pins, and the blocks to free with the last unpin: those that were replaced, and
    // the one that was freed.
    private int _pinCount;
    private ReplacedBlock? _replaced;
    private byte* _freedWhilePinned;

    private NativeBlockMemory<byte>? _all;

    public NativeBlock(Type owner, HakmemAllocator allocator, nuint bytes, nuint alignment = 1, bool zeroed = false)
    {
        _owner = owner;
        _allocator = allocator;
        _alignment = alignment;
        _mustCopy = allocator.IsProgramsOwn;
        Bytes = bytes;
        Pointer = (byte*)Allocate(allocator, bytes, alignment, zeroed);
    }

    // The memory; null once it is freed. Written by the owner under _lock; views read it without the lock.
    public byte* Pointer { get; private set; }

    // The number of bytes that the owner requested. Written by the owner under _lock.
    public nuint Bytes { get; private set; }

    // The number of bytes that the block can have without moving, at least Bytes. Only the owner may call it, so the
    // block does not move meanwhile.
    public nuint UsableBytes
    {
        get
        {
            byte* pointer;
            nuint bytes;
            using (_lock.Enter())
            {
                bytes = Bytes;
                pointer = _pinCount > 0 ? null : Pointer;
                _pinCount += pointer == null ? 0 : 1;
            }

            if (pointer == null)
            {
                return bytes;
            }

            try
            {
                return _allocator.UsableSize(pointer);
            }
            finally
            {
                Unpin();
            }
        }
    }

    // A view of the whole block at its current size, up to the length of a span. Only the owner may call it.
    public NativeBlockMemory<byte> All => _all ??= new NativeBlockMemory<byte>(this, 0, int.MaxValue);

    // Allocates a block by the cheapest call of the heap that serves the arguments.
    public static void* Allocate(HakmemAllocator allocator, nuint bytes, nuint alignment, bool zeroed)
    {
        if (alignment == 1)
        {
            return zeroed ? allocator.AllocZeroed(bytes) : allocator.Alloc(bytes);
        }

        void* pointer = allocator.AlignedAlloc(bytes, alignment);
        if (zeroed)
        {
            NativeMemory.Clear(pointer, bytes);
        }

        return pointer;
    }

    // Frees a block whose heap may have been disposed before the owner; then the block is freed already. Returns the
    // corruption that the heap found, so that a caller with more blocks to free can throw it at the end. Null does
    // nothing.
    public static HakmemCorruptionException? TryRelease(HakmemAllocator allocator, void* pointer)
    {
        while (pointer != null && !allocator.IsDisposed)
        {
            try
            {
                allocator.Free(pointer);
                return null;
            }
            catch (ObjectDisposedException)
            {
                // Another thread is disposing the heap, which frees the block; or its TryDispose will find live blocks
                // and leave the heap as it is, and then this thread must still free the block. A thread that decides
                // this itself is in a handler of the program: it must not wait for itself, and the block stays.
                if (allocator.IsDisposedForGood() || allocator.IsDecidedHere)
                {
                    return null;
                }

                Thread.SpinWait(TurnsBetweenTries);
            }
            catch (HakmemCorruptionException finding)
            {
                return finding;
            }
        }

        return null;
    }

    public static void ThrowIfFound(HakmemCorruptionException? finding)
    {
        if (finding is not null)
        {
            ExceptionDispatchInfo.Capture(finding).Throw();
        }
    }

    // Returns the address of the memory; throws if it is freed or its heap disposed.
    public byte* Access()
    {
        byte* pointer = Pointer;
        if (pointer == null || _allocator.IsDisposed)
        {
            ThrowGone();
        }

        return pointer;
    }

    // Throws if the memory is freed or its heap disposed.
    public void RequireAlive() => Access();

    // After an OutOfMemoryException nothing has changed. After a HakmemCorruptionException Pointer and Bytes describe
    // the block as it is.
    public void Resize(nuint bytes)
    {
        if (!TryResize(bytes))
        {
            throw _allocator.OutOfMemory(bytes);
        }
    }

    // Resizes, but returns false if there is no room. isCounted: whether that is counted as a refusal.
    public bool TryResize(nuint bytes, bool isCounted = true)
    {
        Access();
        bool isSmaller = bytes < Bytes;
        bool isDone = TryReallocate(bytes, isCounted, out bool isPinned) || (isPinned && TryReplace(bytes, isCounted));
        if (!isDone)
        {
            // It may have been freed meanwhile.
            Access();
        }

        if (isDone && isSmaller)
        {
            _allocator.SignalRoom();
        }

        return isDone;
    }

    // A second call does nothing.
    public void Free() => ThrowIfFound(TryFree());

    // Frees, but returns the corruption that the heap found instead of throwing it.
    public HakmemCorruptionException? TryFree()
    {
        byte* freed;
        using (_lock.Enter())
        {
            freed = Pointer;
            Pointer = null;
            Bytes = 0;
            if (_pinCount > 0 && freed != null)
            {
                _freedWhilePinned = freed;
                freed = null;
            }
        }

        HakmemCorruptionException? finding = TryRelease(_allocator, freed);
        _allocator.SignalRoom();
        return finding;
    }

    // Keeps the memory at its address until Unpin. Throws if it is freed, or has fewer than the given bytes.
    public byte* Pin(nuint bytes)
    {
        byte* pointer;
        bool isTooShort;
        using (_lock.Enter())
        {
            pointer = _allocator.IsDisposed ? null : Pointer;
            isTooShort = bytes > Bytes;
            if (pointer != null && !isTooShort)
            {
                _pinCount++;
            }
        }

        if (pointer == null)
        {
            ThrowGone();
        }

        if (isTooShort)
        {
            throw new ArgumentOutOfRangeException(
                nameof(bytes), "The memory is no longer valid: its owner was resized to fewer bytes.");
        }

        return pointer;
    }

    public void Unpin()
    {
        ReplacedBlock? replaced = null;
        byte* freed = null;
        using (_lock.Enter())
        {
            Debug.Assert(_pinCount > 0, "Unpin was called without a pin.");
            _pinCount--;
            if (_pinCount == 0)
            {
                replaced = _replaced;
                freed = _freedWhilePinned;
                _replaced = null;
                _freedWhilePinned = null;
            }
        }

        if (freed != null || replaced is not null)
        {
            ReleaseAll(freed, replaced);
        }
    }

    // Releases each block, whatever another one throws, which the caller gets at the end.
    private void ReleaseAll(byte* freed, ReplacedBlock? replaced)
    {
        Exception? failure = null;
        bool isAny = true;
        for (byte* pointer = freed; isAny; replaced = replaced?.Next)
        {
            try
            {
                failure = TryRelease(_allocator, pointer) ?? failure;
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }

            isAny = replaced is not null;
            pointer = isAny ? replaced!.Pointer : null;
        }

        _allocator.SignalRoom();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Capture(failure).Throw();
        }
    }

    [DoesNotReturn]
    private void ThrowGone() => throw Disposed.Error(_owner, isHeapGone: Pointer != null);

    // Resizes by the heap's Realloc, unless there are pins, or it is code of the program.
    private bool TryReallocate(nuint bytes, bool isCounted, out bool isPinned)
    {
        // A listener, or a handler of what the heap does here, may pin this block.
        using DeferredCallouts deferred = DeferredCallouts.Begin();
        using (_lock.Enter())
        {
            isPinned = _pinCount > 0 || _mustCopy;
            byte* moved = isPinned || Pointer == null
                ? null
                : (byte*)_allocator.TryRealloc(Pointer, bytes, _alignment, isCounted);
            if (moved == null)
            {
                return false;
            }

            Set(moved, bytes);
            return true;
        }
    }

    // Copies to a new block. All allocations come first: once the lock is taken nothing fails. The other pins may have
    // ended by then, and the block may be free; a pin of its own keeps the memory until it is copied. False also if it
    // was freed.
    private bool TryReplace(nuint bytes, bool isCounted)
    {
        ReplacedBlock old = new();
        nuint kept;
        using (_lock.Enter())
        {
            old.Pointer = Pointer;
            kept = nuint.Min(Bytes, bytes);
            _pinCount += Pointer == null ? 0 : 1;
        }

        if (old.Pointer == null)
        {
            return false;
        }

        byte* copy = null;
        try
        {
            copy = (byte*)(isCounted || _alignment > Geometry.MinAlignment
                ? _allocator.TryAllocAligned(bytes, _alignment)
                : _allocator.TryAllocUncounted(bytes));
            if (copy == null)
            {
                return false;
            }

            Buffer.MemoryCopy(old.Pointer, copy, kept, kept);
            using (_lock.Enter())
            {
                if (Pointer == null)
                {
                    return false;
                }

                old.Next = _replaced;
                _replaced = old;
                Set(copy, bytes);
                copy = null;
            }

            return true;
        }
        finally
        {
            try
            {
                ThrowIfFound(TryRelease(_allocator, copy));
            }
            finally
            {
                Unpin();
            }
        }
    }

    private void Set(byte* pointer, nuint bytes)
    {
        _lock.AssertHeld();

        // A view remembers the end of its longest memory. After shrinking, later memories are shorter and need a new
        // view.
        _all = bytes < Bytes ? null : _all;
        Pointer = pointer;
        Bytes = bytes;
    }

    // A block that was replaced while it was pinned, in a linked list.
    private sealed class ReplacedBlock
    {
        public byte* Pointer { get; set; }

        public ReplacedBlock? Next { get; set; }
    }
}
