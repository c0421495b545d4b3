using System;
using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.WebService;

// Where the handlers rent their buffers. It counts rents, their bytes and requests, which the allocator itself does not: counting costs atomic
// additions.
internal sealed class Rentals
{
    // Written by any thread, interlocked; read by whoever reports.
    private long _rents;
    private long _rentedBytes;
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
        NativeBuffer<T> buffer = Heap.Rent<T>(length);
        CountRent((long)length * Unsafe.SizeOf<T>());
        return buffer;
    }

    public void CountRequest() => Interlocked.Increment(ref _requests);

    // What was rented so far, beside what the managed heap had to do in the whole process.
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Rents:N0} buffers of {Interlocked.Read(ref _rentedBytes) / 1024:N0} KiB together came from Hakmem. The managed heap allocated {GC.GetTotalAllocatedBytes(precise: true) / 1024:N0} KiB meanwhile, for all else, and was collected {GC.CollectionCount(0)} times.");

    private void CountRent(long bytes)
    {
        Interlocked.Increment(ref _rents);
        Interlocked.Add(ref _rentedBytes, bytes);
    }

    private sealed class CountingPool(Rentals rentals, MemoryPool<byte> inner) : MemoryPool<byte>
    {
        public override int MaxBufferSize => inner.MaxBufferSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            IMemoryOwner<byte> owner = inner.Rent(minBufferSize);
            rentals.CountRent(owner.Memory.Length);
            return owner;
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
