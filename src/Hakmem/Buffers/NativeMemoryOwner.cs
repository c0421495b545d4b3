using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem;

// One rental of a pool. By default a fresh object each time, so that its Dispose can only ever free its own block; in a pool that
// recycles owners the same object serves one rental after the other, and lies idle in between (see RentalShard).
//
// Not sealed for the sake of TrackedMemoryOwner alone: only a type with a finalizer is slow to create, so it is a type of its own.
internal class NativeMemoryOwner<T>(RentalBook<T> book) : MemoryManager<T>, IDisposable
{
    // The length of the rental in elements. Written by the renting thread before the address is.
    private int _length;

    // The block, or zero while not rented. Exchanged (full fence) by Dispose on any thread, so that racing disposals free once;
    // read plainly by the renter, whose own business it is not to use a buffer on one thread while another disposes it.
    private nint _address;

    protected bool IsRented => _address != 0;

    protected int Length => _length;

    protected RentalBook<T> Book => book;

    // The base class's Memory asks for this, too. It is the framework's code, compiled ahead for bytes; an override here would be a method
    // more to compile before a process's first rental.
    public override unsafe Span<T> GetSpan()
    {
        nint address = _address;
        if (address == 0 || book.IsHeapGone)
        {
            ThrowGone();
        }

        // SAFETY: the block is this rental's until Dispose, and has room for the length; its heap has not been
        // disposed.
        return new Span<T>((void*)address, _length);
    }

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        nint address = _address;
        if (address == 0 || book.IsHeapGone)
        {
            ThrowGone();
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle((byte*)address + ((nint)elementIndex * Unsafe.SizeOf<T>()));
    }

    // Unmanaged memory does not move: there is nothing to release.
    public override void Unpin()
    {
    }

    // Begins a rental.
    public unsafe void Attach(void* block, int length)
    {
        _length = length;
        _address = (nint)block;
    }

    // Again an implementation of the interface, rather than the base class's: that one ends in a call to suppress a finalizer.
    void IDisposable.Dispose() => Return();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Return();
        }
    }

    private unsafe void Return()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            book.Return(this, (void*)address, _length);
        }
        else
        {
            book.CountLateDispose();
        }
    }

    private void ThrowGone() => throw Disposed.Error(book.RentalName, isHeapGone: _address != 0);
}
