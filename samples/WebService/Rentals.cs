using System.Buffers;
using System.Threading;

namespace Hakmem.WebService;

// Where the handlers rent their buffers. It counts rents and requests, which the allocator itself does not: counting costs an atomic addition.
internal sealed class Rentals
{
    // Both written by any thread, interlocked; read by whoever reports.
    private long _rents;
    private long _requests;

    public Rentals(HakmemAllocator heap)
    {
        Heap = heap;
        Pool = new CountingPool(this, new NativeMemoryPool(heap));
    }

    public HakmemAllocator Heap { get; }

    // For buffers that live across an await, and for pipes.
    public MemoryPool<byte> Pool { get; }

    public long Rents => Interlocked.Read(ref _rents);

    public long Requests => Interlocked.Read(ref _requests);

    // For buffers of one scope.
    public NativeBuffer<T> Rent<T>(int length)
        where T : unmanaged
    {
        CountRent();
        return Heap.Rent<T>(length);
    }

    public void CountRequest() => Interlocked.Increment(ref _requests);

    private void CountRent() => Interlocked.Increment(ref _rents);

    private sealed class CountingPool(Rentals rentals, MemoryPool<byte> inner) : MemoryPool<byte>
    {
        public override int MaxBufferSize => inner.MaxBufferSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            rentals.CountRent();
            return inner.Rent(minBufferSize);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }
        }
    }
}
