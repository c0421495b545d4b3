using System;
using System.Buffers;
using System.Globalization;
using System.Threading;

namespace Hakmem.WebService;

// Where the handlers rent their buffers: each component has a tag, below that of the service, and a pool of its own. It
// counts rents, their bytes and requests, which the allocator itself does not: counting costs atomic additions.
// Disposing it leaves the heap, and what is rented.
internal sealed class Rentals : IDisposable
{
    private readonly MemoryTag _service = new("service");

    // Written by any thread, interlocked; read by whoever reports.
    private long _rents;
    private long _rentedBytes;
    private long _requests;

    public Rentals(HakmemAllocator heap)
    {
        Heap = heap;
        Uploads = new Component(this, "uploads");
        Pictures = new Component(this, "pictures");
        Exports = new Component(this, "exports");
        Sessions = new Component(this, "sessions");
    }

    public HakmemAllocator Heap { get; }

    public Component Uploads { get; }

    public Component Pictures { get; }

    public Component Exports { get; }

    // What the built-in load keeps.
    public Component Sessions { get; }

    public long Rents => Interlocked.Read(ref _rents);

    public long Requests => Interlocked.Read(ref _requests);

    public void CountRequest() => Interlocked.Increment(ref _requests);

    // Memory of the request, which is freed when it has ended.
    public Span<byte> Alloc(MemoryRegion region, int length)
    {
        Span<byte> bytes = region.AllocSpan<byte>(length);
        CountRent(length);
        return bytes;
    }

    // What was rented so far, beside what the managed heap had to do in the whole process.
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Rents:N0} buffers of {Interlocked.Read(ref _rentedBytes) / 1024:N0} KiB together came from Hakmem. The managed heap allocated {GC.GetTotalAllocatedBytes(precise: true) / 1024:N0} KiB meanwhile, for all else, and was collected {GC.CollectionCount(0)} times.");

    public void Dispose()
    {
        foreach (Component component in (Component[])[Uploads, Pictures, Exports, Sessions])
        {
            component.Dispose();
        }

        _service.Dispose();
    }

    private void CountRent(long bytes)
    {
        Interlocked.Increment(ref _rents);
        Interlocked.Add(ref _rentedBytes, bytes);
    }

    // A part of the service, whose memory is counted by itself.
    public sealed class Component : IDisposable
    {
        private readonly MemoryTag _tag;

        public Component(Rentals rentals, string name)
        {
            _tag = new MemoryTag(name, rentals._service);
            NativeMemoryPoolOptions options = new() { RecycleOwners = true };
            Pool = new CountingPool(rentals, new NativeMemoryPool(rentals.Heap.ForTag(_tag), options));
        }

        // For buffers that live across an await, and for pipes. All dispose their owners once, so these are used again.
        public MemoryPool<byte> Pool { get; }

        public void Dispose()
        {
            Pool.Dispose();
            _tag.Dispose();
        }
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
