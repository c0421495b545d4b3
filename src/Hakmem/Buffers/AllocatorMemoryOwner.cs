using System;
using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem;

// One block of any allocator as an IMemoryOwner: see HakmemAllocatorExtensions.RentMemory. An object for each rental,
// so that a late Dispose can only ever free its own block. No finalizer frees: a span or a pointer into the block does
// not keep this object alive.
[DebuggerDisplay("{DebuggerDisplay,nq}")]
internal sealed class AllocatorMemoryOwner<T>(IHakmemAllocator allocator, int length) : MemoryManager<T>, IDisposable
    where T : unmanaged
{
    // The block, or zero. Exchanged (full fence) by Dispose on any thread, so that racing disposals free it once. Read
    // plainly by the renter, who must not dispose the memory on one thread while using it on another.
    private nint _address;

    internal string DebuggerDisplay => DebuggerViews.TextOf<T>(
        DebuggerViews.GoneText(_address == 0, allocator as HakmemAllocator), nameof(Memory<T>.Length), length);

    private bool IsHeapGone => allocator is HakmemAllocator { IsDisposed: true };

    // Gives the owner its block, once, before others see the owner.
    public unsafe void Attach(void* block) => _address = (nint)block;

    public override unsafe Span<T> GetSpan() => new(Access(), length);

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        byte* start = (byte*)Access();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
        return new MemoryHandle(start + ((nint)elementIndex * Unsafe.SizeOf<T>()));
    }

    // Unmanaged memory does not move, so there is nothing to release.
    public override void Unpin()
    {
    }

    // Implements the interface again, because the base class's implementation suppresses a finalizer at its end.
    void IDisposable.Dispose() => Return();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Return();
        }
    }

    // SAFETY: the block belongs to this object until Dispose and has room for the length. Its heap is not disposed, as
    // far as that can be known: an allocator of a program's own class is asked nothing.
    private unsafe void* Access()
    {
        nint address = _address;
        return address != 0 && !IsHeapGone ? (void*)address
            : throw Disposed.Error($"IMemoryOwner<{Disposed.NameOf(typeof(T))}>", isHeapGone: address != 0);
    }

    private unsafe void Return()
    {
        void* block = (void*)Interlocked.Exchange(ref _address, 0);
        if (allocator is HakmemAllocator heap)
        {
            NativeBlock.ThrowIfFound(NativeBlock.TryRelease(heap, block));
        }
        else if (block != null)
        {
            FreeForeign(block);
        }
    }

    private unsafe void FreeForeign(void* block)
    {
        try
        {
            allocator.Free(block);
        }
        catch (ObjectDisposedException)
        {
            // The allocator was disposed before, which freed the block.
        }
    }
}
