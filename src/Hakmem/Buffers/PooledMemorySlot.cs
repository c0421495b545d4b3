using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Pooling;

namespace Hakmem;

// What a PooledMemory refers to: one rental after another, with a number of its own for each. A copy of the struct
// knows its rental's number. 64 bits of it do not come round, so a stale copy never passes for a later rental.
//
// A slot has a block of an allocator, or an owner that was rented from a pool. Idle slots rest as recycled owners do;
// see OwnerCache. They are not of a pool or heap: all rentals of one element type share them.
internal sealed unsafe class PooledMemorySlot<T> : MemoryManager<T>
    where T : unmanaged
{
    private static readonly OwnerDepot s_depot = DepotTrimmer.Attach(new OwnerDepot(recycles: true));

    [ThreadStatic]
    private static OwnerCache? t_idle;

    // Written before _state says that the slot is rented, and by the disposal that ended the rental.
    private HakmemAllocator? _allocator;
    private IMemoryOwner<T>? _owner;
    private T* _pointer;
    private int _length;

    // Twice the number of the rental, and one while it lasts. Compare and exchange on any thread: one of racing
    // disposals ends the rental. Uses read it: the renter must not dispose the memory while another thread uses it.
    private long _state;

    // For tests: how many idle slots no thread has in its ring.
    public static int DepotCount => s_depot.OwnerCount;

    private static OwnerCache Idle => t_idle ?? MakeIdle();

    private bool IsHeapGone => _allocator is { IsDisposed: true };

    // A rental of the allocator. If that throws, the slot rests again.
    public static PooledMemory<T> Rent(IHakmemAllocator allocator, int length, nuint alignment, bool zeroed)
    {
        PooledMemorySlot<T> slot = Take(out OwnerCache idle);
        HakmemAllocator front;
        try
        {
            nuint bytes = HakmemAllocatorExtensions.BytesOf<T>(length);
            front = ForeignHeap.FrontOf(allocator);
            slot._pointer = (T*)NativeBlock.Allocate(front, bytes, alignment, zeroed);
        }
        catch
        {
            idle.PutIdle(slot);
            throw;
        }

        slot._allocator = front;
        slot._length = length;
        return slot.Begin();
    }

    // A rental of a pool.
    public static PooledMemory<T> Rent(MemoryPool<T> pool, int minBufferSize)
    {
        PooledMemorySlot<T> slot = Take(out OwnerCache idle);
        try
        {
            slot._owner = pool.Rent(minBufferSize);
        }
        catch
        {
            idle.PutIdle(slot);
            throw;
        }

        slot._length = slot._owner.Memory.Length;
        return slot.Begin();
    }

    public bool IsRented(long generation) => Volatile.Read(ref _state) == StateOf(generation);

    public int LengthOf(long generation)
    {
        ThrowUnlessRented(generation);
        return _length;
    }

    // Memory<T> from a pool's owner throws by itself once the pool's heap is gone.
    public Memory<T> MemoryOf(long generation)
    {
        ThrowUnlessRented(generation);
        ThrowIfHeapGone();
        return _owner is null ? CreateMemory(_length) : _owner.Memory;
    }

    public Span<T> SpanOf(long generation)
    {
        ThrowUnlessRented(generation);
        return _owner is null ? GetSpan() : _owner.Memory.Span;
    }

    public void Return(long generation)
    {
        long rented = StateOf(generation);
        if (Interlocked.CompareExchange(ref _state, rented - 1, rented) != rented)
        {
            ThrowDisposed();
        }

        HakmemAllocator? allocator = _allocator;
        IMemoryOwner<T>? owner = _owner;
        void* block = _pointer;
        _allocator = null;
        _owner = null;
        _pointer = null;
        try
        {
            Idle.PutIdle(this);
        }
        catch (OutOfMemoryException)
        {
            // For the thread's ring. The slot becomes garbage; the disposal succeeds.
        }

        owner?.Dispose();
        if (allocator is not null)
        {
            NativeBlock.ThrowIfFound(NativeBlock.TryRelease(allocator, block));
        }
    }

    // For a Memory<T>, which does not know the number of its rental.
    // A rental of a pool, whose owner gives its memory, has none of this: here it is of an earlier rental of the slot.
    // SAFETY: the block is this rental's until Return, and has room for the length; its heap is not disposed, as far as
    // that can be known.
    public override Span<T> GetSpan()
    {
        if ((_state & 1) == 0 || _owner is not null)
        {
            ThrowDisposed();
        }

        ThrowIfHeapGone();
        return new Span<T>(_pointer, _length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        Span<T> all = GetSpan();
        Argument.RequireAtMost(elementIndex, all.Length);
        return new MemoryHandle(_pointer + elementIndex);
    }

    // Unmanaged memory does not move, so there is nothing to release.
    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static OwnerCache MakeIdle()
    {
        ManagedMemory.Need();
        return t_idle = new OwnerCache(s_depot);
    }

    private static PooledMemorySlot<T> Take(out OwnerCache idle)
    {
        idle = Idle;
        if (idle.TakeIdle() is not PooledMemorySlot<T> slot)
        {
            return new PooledMemorySlot<T>();
        }

        // Otherwise a pool would not find out that its owner in the slot was dropped.
        idle.ClearTakenSlot();
        return slot;
    }

    private static long StateOf(long generation) => (generation << 1) | 1;

    // No other thread can use the slot: the copies of earlier rentals do not match.
    private PooledMemory<T> Begin()
    {
        long generation = (_state >> 1) + 1;
        Volatile.Write(ref _state, StateOf(generation));
        return new PooledMemory<T>(this, generation);
    }

    private void ThrowUnlessRented(long generation)
    {
        if (_state != StateOf(generation))
        {
            ThrowDisposed();
        }
    }

    private void ThrowIfHeapGone()
    {
        if (IsHeapGone)
        {
            throw Disposed.Error(typeof(PooledMemory<T>), isHeapGone: true);
        }
    }

    private static void ThrowDisposed() => throw new ObjectDisposedException(
        Disposed.NameOf(typeof(PooledMemory<T>)),
        "The PooledMemory has been disposed, by this or by another copy of it.");
}
