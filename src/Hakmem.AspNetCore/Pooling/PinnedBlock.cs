using System;
using System.Buffers;
using System.Threading;

namespace Hakmem.AspNetCore.Pooling;

// One face of a block of a slab, and the owner object that a renter holds. Made with the slab and used again and again, so that a
// rental makes no garbage.
//
// A recycled owner has one danger: a renter that disposes twice may return the block of whoever rents it next. So each block has
// two faces over the same bytes, which take turns: what a dispose returns is the other face. A second dispose then meets a face that
// is not rented, whether the block lies in the pool or has been rented again since, and throws. Only one that comes after two
// further rentals of the same block is not told; PinnedMemoryPoolOptions.RecycleOwners = false closes that too, for an object a rental.
// A generation number could not do better: the caller has nothing but the reference.
internal sealed class PinnedBlock : IMemoryOwner<byte>
{
    private readonly PinnedBlockStore _store;
    private readonly Memory<byte> _memory;

    // Whether a renter has this face. Set plainly by the renting thread, which hands the reference on only afterwards; exchanged (full
    // fence) by Dispose on any thread, so that of racing disposals one returns the block and the others throw.
    private int _isRented;

    public PinnedBlock(PinnedBlockStore store, PinnedSlab slab, int index, Memory<byte> memory)
    {
        _store = store;
        _memory = memory;
        Slab = slab;
        Index = index;
        OtherFace = new PinnedBlock(this);
    }

    private PinnedBlock(PinnedBlock otherFace)
    {
        _store = otherFace._store;
        _memory = otherFace._memory;
        Slab = otherFace.Slab;
        Index = otherFace.Index;
        OtherFace = otherFace;
    }

    public PinnedSlab Slab { get; }

    // The block's place in its slab.
    public int Index { get; }

    public PinnedBlock OtherFace { get; }

    public Memory<byte> Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isRented == 0, typeof(IMemoryOwner<byte>));
            return _memory;
        }
    }

    public void MarkRented() => _isRented = 1;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isRented, 0) == 0)
        {
            ThrowReturnedTwice();
        }

        _store.Return(OtherFace);
    }

    private static void ThrowReturnedTwice() => throw new InvalidOperationException(
        "This memory was returned to the pool already. Owners are recycled: disposing one a second time could take the memory from another " +
        "renter. To find the mistake, set PinnedMemoryPoolOptions.RecycleOwners to false, which makes every owner an object of its own.");
}
