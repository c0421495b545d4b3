using System;
using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem;

// One block of a heap, or of the object in front of another allocator (ForeignHeap), as an IMemoryOwner: see
// HakmemAllocatorExtensions.RentMemory. An object for each rental,
// so that a late Dispose can only ever free its own block. No finalizer frees: a span or a pointer into the block does
// not keep this object alive.
//
// A pin's holder, the kernel or native code for instance, may use the address until it unpins. So a block that is
// disposed while it is pinned is freed by the last unpin. T has no references; RentMemory and RentStructMemory see to
// that.
[DebuggerDisplay("{DebuggerDisplay,nq}")]
internal sealed class AllocatorMemoryOwner<T>(HakmemAllocator allocator, int length) : MemoryManager<T>, IDisposable
{
    private const int DisposedBit = 1;
    private const int OnePin = 2;

    // Written by Attach alone, before others see the owner.
    private nint _address;

    // Twice the number of pins, and whether the memory is disposed. Changed by compare-exchange (full fence) on any
    // thread, so that the one change to exactly DisposedBit frees the block, once. GetSpan reads it plainly: the renter
    // must not dispose the memory on one thread while using it on another.
    private int _state = DisposedBit;

    internal string DebuggerDisplay => DebuggerViews.TextOf<T>(
        DebuggerViews.GoneText(IsDisposed, allocator), nameof(Memory<T>.Length), length);

    private bool IsDisposed => (_state & DisposedBit) != 0;

    private bool IsHeapGone => allocator.IsDisposed;

    // Gives the owner its block, once, before others see the owner.
    public unsafe void Attach(void* block)
    {
        _address = (nint)block;
        _state = 0;
    }

    // SAFETY: the block belongs to this object until Dispose and has room for the length. Its heap is not disposed, as
    // far as that can be known: an allocator of a program's own class is asked nothing.
    public override unsafe Span<T> GetSpan()
    {
        ThrowIfGone(IsDisposed);
        return new Span<T>((void*)_address, length);
    }

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        ThrowIfGone(IsDisposed);
        Argument.RequireAtMost(elementIndex, length);
        ThrowIfGone(!TryChange(OnePin, refused: DisposedBit));
        byte* start = (byte*)_address + ((nint)elementIndex * Unsafe.SizeOf<T>());
        return new MemoryHandle(start, default, this);
    }

    // A call without a pin does nothing.
    public override void Unpin()
    {
        if (Volatile.Read(ref _state) >= OnePin)
        {
            _ = TryChange(-OnePin, refused: 0);
        }
    }

    // Implements the interface again, because the base class's implementation suppresses a finalizer at its end.
    void IDisposable.Dispose() => TryChange(DisposedBit, refused: DisposedBit);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _ = TryChange(DisposedBit, refused: DisposedBit);
        }
    }

    // Adds to the state unless it has the refused bit, and frees the block if that was the last use of it.
    private bool TryChange(int change, int refused)
    {
        int before = Volatile.Read(ref _state);
        int seen;
        do
        {
            seen = before;
            if ((seen & refused) != 0)
            {
                return false;
            }

            before = Interlocked.CompareExchange(ref _state, seen + change, seen);
        }
        while (before != seen);

        if (seen + change == DisposedBit)
        {
            Free();
        }

        return true;
    }

    // SAFETY: the state has become DisposedBit alone, without pins, which happens once.
    private unsafe void Free() => NativeBlock.ThrowIfFound(NativeBlock.TryRelease(allocator, (void*)_address));

    private void ThrowIfGone(bool isDisposed)
    {
        if (isDisposed || IsHeapGone)
        {
            throw Disposed.Error($"IMemoryOwner<{Disposed.NameOf(typeof(T))}>", isHeapGone: !isDisposed);
        }
    }
}
