using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem;

// One resizable block behind the classes that own memory for longer than a scope: a writer's buffer, an array, a stream's chunk.
//
// Views (NativeBlockMemory) go through this object for each access and so follow the block when it moves, and fail once it is freed.
// A pin is different: whoever holds the address of a pinned view, the kernel for instance, may use it until it unpins. So while there
// are pins the memory under them stays: resizing copies to a new block, freeing waits, and what is left behind is freed with the last
// unpin. The alternative, to throw, would make a pending read on another thread the reason why a Write or Dispose fails.
//
// The owner's calls (Resize, Free, reading Pointer) are the owner's to order. Pin and Unpin may come from any thread, at any time.
internal sealed unsafe class NativeBlock
{
    private readonly HakmemAllocator _allocator;
    private readonly nuint _alignment;
    private readonly UninterruptibleLock _lock = new();

    // Guarded by the lock: pins outstanding, and blocks that were replaced or freed meanwhile.
    private int _pinCount;
    private List<nint>? _leftBehind;

    private NativeBlockMemory<byte>? _all;

    public NativeBlock(HakmemAllocator allocator, nuint bytes, nuint alignment = 1, bool zeroed = false)
    {
        _allocator = allocator;
        _alignment = alignment;
        Bytes = bytes;
        Pointer = (byte*)Allocate(allocator, bytes, alignment, zeroed);
    }

    // The memory; null once it is freed. Written under the lock by the owner; views read it plainly.
    public byte* Pointer { get; private set; }

    // How many bytes the owner asked for.
    public nuint Bytes { get; private set; }

    // How many bytes the block can have where it is; at least those.
    public nuint UsableBytes
    {
        get
        {
            using (_lock.Enter())
            {
                return _pinCount == 0 ? _allocator.UsableSize(Pointer) : Bytes;
            }
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

    // Frees a block whose heap may have been disposed before its owner: then the block is gone already, which is what was wanted.
    public static void Release(HakmemAllocator allocator, void* pointer)
    {
        try
        {
            allocator.Free(pointer);
        }
        catch (ObjectDisposedException)
        {
            // The heap took the block with it.
        }
    }

    public void Resize(nuint bytes)
    {
        using (_lock.Enter())
        {
            if (_pinCount == 0)
            {
                Pointer = (byte*)_allocator.Realloc(Pointer, bytes, _alignment);
            }
            else
            {
                byte* copy = (byte*)Allocate(_allocator, bytes, _alignment, zeroed: false);
                nuint kept = nuint.Min(Bytes, bytes);
                Buffer.MemoryCopy(Pointer, copy, kept, kept);
                (_leftBehind ??= []).Add((nint)Pointer);
                Pointer = copy;
            }

            // Memories made before reach further than those made from now on: these get a view of their own.
            _all = bytes < Bytes ? null : _all;
            Bytes = bytes;
        }
    }

    // A second call does nothing.
    public void Free()
    {
        using (_lock.Enter())
        {
            byte* pointer = Pointer;
            Pointer = null;
            Bytes = 0;
            if (pointer != null && _pinCount > 0)
            {
                (_leftBehind ??= []).Add((nint)pointer);
            }
            else if (pointer != null)
            {
                Release(_allocator, pointer);
            }
        }
    }

    // Holds the memory where it is until Unpin; null if it is freed already. Refuses if it has fewer bytes than are wanted.
    public byte* Pin(nuint bytes)
    {
        using (_lock.Enter())
        {
            if (Pointer != null)
            {
                if (bytes > Bytes)
                {
                    throw new ArgumentOutOfRangeException(nameof(bytes), "The memory is no longer all there: its owner has been cut off.");
                }

                _pinCount++;
            }

            return Pointer;
        }
    }

    public void Unpin()
    {
        using (_lock.Enter())
        {
            _pinCount--;
            if (_pinCount == 0 && _leftBehind is not null)
            {
                foreach (nint pointer in _leftBehind)
                {
                    Release(_allocator, (void*)pointer);
                }

                _leftBehind = null;
            }
        }
    }
}
