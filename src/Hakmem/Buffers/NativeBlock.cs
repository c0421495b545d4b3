using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem;

// One resizable block behind the classes that own memory for longer than a scope: a writer's buffer, an array, a stream's chunk.
//
// Views (NativeBlockMemory) go through this object for each access and so follow the block when it moves, and fail once
// it is freed or its heap is gone. A pin is different: whoever holds the address of a pinned view, the kernel for
// instance, may use it until it unpins. So while there are pins the memory under them stays: resizing copies to a new
// block, freeing waits, and what is left behind is freed with the last unpin. The alternative, to throw, would make a
// pending read on another thread the reason why a Write or Dispose fails.
//
// The owner's calls (Resize, Free, reading Pointer) are the owner's to order. Pin and Unpin may come from any thread, at any time.
//
// Under the lock nothing is allocated from managed memory, and nothing is thrown that a legal program can bring about:
// a handler of FirstChanceException may pin the same memory. One heap's call is made under it, the one that may move
// the block while no pin may begin: it says by its result that there is no room. What it may still throw is corruption,
// from a program that is none of those; what is recorded here then stands as it was.
internal sealed unsafe class NativeBlock
{
    // About a microsecond: what is waited for takes many.
    private const int TurnsBetweenTries = 32;

    // The class whose memory this is, as messages name it.
    private readonly Type _owner;
    private readonly HakmemAllocator _allocator;
    private readonly nuint _alignment;
    private readonly UninterruptibleLock _lock = new();

    // Guarded by the lock: pins outstanding, and what has to stay until there are none: blocks that were replaced, and
    // the one that was freed.
    private int _pinCount;
    private LeftBehind? _leftBehind;
    private byte* _freedWhilePinned;

    private NativeBlockMemory<byte>? _all;

    public NativeBlock(Type owner, HakmemAllocator allocator, nuint bytes, nuint alignment = 1, bool zeroed = false)
    {
        _owner = owner;
        _allocator = allocator;
        _alignment = alignment;
        Bytes = bytes;
        Pointer = (byte*)Allocate(allocator, bytes, alignment, zeroed);
    }

    // The memory; null once it is freed. Written under the lock by the owner; views read it plainly.
    public byte* Pointer { get; private set; }

    // How many bytes the owner asked for.
    public nuint Bytes { get; private set; }

    // How many bytes the block can have where it is; at least those. The owner's, as the calls are: so the block stays
    // where it is meanwhile.
    public nuint UsableBytes
    {
        get
        {
            bool isPinned;
            using (_lock.Enter())
            {
                isPinned = _pinCount > 0;
            }

            return isPinned ? Bytes : _allocator.UsableSize(Pointer);
        }
    }

    // A view of the whole block, however large it is at the time (up to what a span can have). The owner's, as the calls are.
    public NativeBlockMemory<byte> All => _all ??= new NativeBlockMemory<byte>(this, 0, int.MaxValue);

    // A block of a heap, by whichever of its calls does the least.
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

    // Frees a block whose heap may have been disposed before its owner: then the block is gone already, which is what
    // was wanted. Gives what came to light on the way, for whoever has more to free to throw at last. Null does
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
                // The heap is disposed just now, and takes the block with it; or TryDispose is about to find that it
                // may not be, and then the block is still to be freed.
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

    // Where the memory is; throws if it is gone.
    public byte* Access()
    {
        byte* pointer = Pointer;
        if (pointer == null || _allocator.IsDisposed)
        {
            ThrowGone();
        }

        return pointer;
    }

    // If an exception says that there is no room, nothing has changed. After one that says that corruption was found,
    // Pointer and Bytes say what is.
    public void Resize(nuint bytes)
    {
        if (!TryResize(bytes))
        {
            throw _allocator.OutOfMemory(bytes);
        }
    }

    // The same; false if there is no room.
    public bool TryResize(nuint bytes)
    {
        Access();
        return TryReallocate(bytes, out bool isPinned) || (isPinned && TryReplace(bytes));
    }

    // A second call does nothing.
    public void Free() => ThrowIfFound(TryFree());

    // The same. Gives what came to light on the way.
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

        return TryRelease(_allocator, freed);
    }

    // Holds the memory where it is until Unpin. Refuses if it is gone, or has fewer bytes than are wanted.
    public byte* Pin(nuint bytes)
    {
        byte* pointer;
        bool isCutOff;
        using (_lock.Enter())
        {
            pointer = _allocator.IsDisposed ? null : Pointer;
            isCutOff = bytes > Bytes;
            if (pointer != null && !isCutOff)
            {
                _pinCount++;
            }
        }

        if (pointer == null)
        {
            ThrowGone();
        }

        if (isCutOff)
        {
            throw new ArgumentOutOfRangeException(
                nameof(bytes), "The memory is no longer all there: its owner has been cut off.");
        }

        return pointer;
    }

    public void Unpin()
    {
        LeftBehind? left = null;
        byte* freed = null;
        using (_lock.Enter())
        {
            _pinCount--;
            if (_pinCount == 0)
            {
                left = _leftBehind;
                freed = _freedWhilePinned;
                _leftBehind = null;
                _freedWhilePinned = null;
            }
        }

        HakmemCorruptionException? finding = TryRelease(_allocator, freed);
        for (; left is not null; left = left.Next)
        {
            finding = TryRelease(_allocator, left.Pointer) ?? finding;
        }

        ThrowIfFound(finding);
    }

    [DoesNotReturn]
    private void ThrowGone() => throw Disposed.Error(_owner, isHeapGone: Pointer != null);

    // Resizes as the heap likes, where nothing is pinned.
    private bool TryReallocate(nuint bytes, out bool isPinned)
    {
        using (_lock.Enter())
        {
            isPinned = _pinCount > 0;
            byte* moved = isPinned ? null : (byte*)_allocator.TryRealloc(Pointer, bytes, _alignment);
            if (moved == null)
            {
                return false;
            }

            Set(moved, bytes);
            return true;
        }
    }

    // Goes on in a new block. What is needed comes first: from the lock on nothing fails. By then there may be no pins
    // any more.
    private bool TryReplace(nuint bytes)
    {
        LeftBehind old = new(Pointer);
        byte* copy = (byte*)_allocator.TryAllocAligned(bytes, _alignment);
        if (copy == null)
        {
            return false;
        }

        nuint kept = nuint.Min(Bytes, bytes);
        Buffer.MemoryCopy(old.Pointer, copy, kept, kept);
        bool isPinned;
        using (_lock.Enter())
        {
            isPinned = _pinCount > 0;
            if (isPinned)
            {
                old.Next = _leftBehind;
                _leftBehind = old;
            }

            Set(copy, bytes);
        }

        ThrowIfFound(isPinned ? null : TryRelease(_allocator, old.Pointer));
        return true;
    }

    private void Set(byte* pointer, nuint bytes)
    {
        // Memories made before reach further than those made from now on: these get a view of their own.
        _all = bytes < Bytes ? null : _all;
        Pointer = pointer;
        Bytes = bytes;
    }

    // A block that was replaced while it was pinned, in a list of them.
    private sealed class LeftBehind(byte* pointer)
    {
        public byte* Pointer { get; } = pointer;

        public LeftBehind? Next { get; set; }
    }
}
