using System;
using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem;

// A rental of a pool: by default a new object for each, so that its Dispose can only ever free its own block. In a pool
// that recycles owners, one object serves many rentals and is idle in between (see OwnerCache).
//
// Not sealed, because of TrackedMemoryOwner: an object with a finalizer is slow to create, so that is a type of its
// own.
[DebuggerDisplay("{DebuggerDisplay,nq}")]
[DebuggerTypeProxy(typeof(DebuggerViews.OwnerView<>))]
internal class NativeMemoryOwner<T>(PoolCore<T> core) : MemoryManager<T>, IDisposable
{
    // The length of the rental in elements. Written by the renting thread before the address is.
    private int _length;

    // The block, or zero while not rented. Exchanged (full fence) by Dispose on any thread, so that racing disposals
    // free the block once. Read plainly by the renter, who must not dispose the buffer on one thread while using it on
    // another.
    private nint _address;

    protected bool IsRented => _address != 0;

    protected int Length => _length;

    protected PoolCore<T> Core => core;

    internal string DebuggerDisplay =>
        DebuggerViews.TextOf<T>(DebuggerViews.GoneText(!IsRented, core.Allocator), nameof(Length), _length);

    internal unsafe T[] FirstElements => DebuggerViews.FirstElements<T>(core.Allocator, (void*)_address, _length);

    // The base class's Memory calls this too. That property is not overridden: for bytes the framework has it compiled
    // ahead, and an override is one more method to compile before a process's first rental.
    public override unsafe Span<T> GetSpan()
    {
        nint address = _address;
        if (address == 0 || core.IsHeapGone)
        {
            ThrowGone();
        }

        // SAFETY: the block belongs to this rental until Dispose and has room for the length; its heap is not disposed.
        return new Span<T>((void*)address, _length);
    }

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        nint address = _address;
        if (address == 0 || core.IsHeapGone)
        {
            ThrowGone();
        }

        Argument.RequireAtMost(elementIndex, _length);
        return new MemoryHandle((byte*)address + ((nint)elementIndex * Unsafe.SizeOf<T>()));
    }

    // Unmanaged memory does not move, so there is nothing to release.
    public override void Unpin()
    {
    }

    // Begins a rental.
    public unsafe void Attach(void* block, int length)
    {
        _length = length;
        _address = (nint)block;
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

    private unsafe void Return()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            core.Return(this, (void*)address, _length);
        }
        else
        {
            core.Owners.CountLateDispose();
        }
    }

    private void ThrowGone() => throw Disposed.Error(core.RentalName, isHeapGone: _address != 0);
}
