using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Rentals in structs, whose copies must never free what somebody else has rented since.
[Collection(AloneCollection.Name)]
public sealed class PooledMemoryTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(1, 0, true)]
    [InlineData(1_000, 64, true)]
    [InlineData(100_000, 4_096, false)]
    public unsafe void ARentalHasItsLengthAlignmentAndZeros(int length, int alignment, bool zeroed)
    {
        for (int round = 0; round < 2; round++)
        {
            using PooledMemory<int> rental = _heap.RentPooled<int>(length, alignment, zeroed);
            using MemoryHandle pin = rental.Memory.Pin();
            Assert.Equal(length, rental.Length);
            Assert.Equal(length, rental.Memory.Length);
            Assert.Equal((nuint)0, (nuint)pin.Pointer % (nuint)Math.Max(alignment, 16));
            Assert.True(!zeroed || rental.Span.IndexOfAnyExcept(0) < 0);
            rental.Span.Fill(-1);
            Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public async Task ARentalCrossesAnAwait()
    {
        using PooledMemory<byte> rental = _heap.RentPooled<byte>(1_000);
        rental.Span.Fill(7);
        await Task.Yield();
        Assert.True(rental.Span.IndexOfAnyExcept((byte)7) < 0);
    }

    // Of an element type of its own, whose slots no other test uses.
    [Fact]
    public void SlotsOfABurstGoWithFullCollections()
    {
        PooledMemory<(byte, decimal)>[] burst = new PooledMemory<(byte, decimal)>[10_000];
        for (int i = 0; i < burst.Length; i++)
        {
            burst[i] = _heap.RentPooled<(byte, decimal)>(1);
        }

        Array.ForEach(burst, rental => rental.Dispose());
        Assert.True(PooledMemorySlot<(byte, decimal)>.DepotCount > 9_000);
        for (int i = 0; i < 10 && PooledMemorySlot<(byte, decimal)>.DepotCount > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(0, PooledMemorySlot<(byte, decimal)>.DepotCount);
        _heap.RentPooled<(byte, decimal)>(1).Dispose();
    }

    [Fact]
    public void ASecondDisposalThroughACopyIsToldAndFreesNothing()
    {
        PooledMemory<int> rental = _heap.RentPooled<int>(100);
        PooledMemory<int> copy = rental;
        Assert.Equal(rental, copy);
        rental.Dispose();
        Assert.True(copy.IsDisposed);
        Assert.Throws<ObjectDisposedException>(copy.Dispose);
        Assert.Throws<ObjectDisposedException>(rental.Dispose);
        Assert.Throws<ObjectDisposedException>(() => copy.Memory);
        Assert.Throws<ObjectDisposedException>(() => copy.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => copy.Length);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    // However often the object behind it was rented since.
    [Fact]
    public void AStaleCopyNeverReachesALaterRental()
    {
        List<PooledMemory<int>> stale = [];
        for (int round = 0; round < 300; round++)
        {
            PooledMemory<int> rental = _heap.RentPooled<int>(10);
            rental.Span.Fill(round);
            foreach (PooledMemory<int> copy in stale)
            {
                Assert.Throws<ObjectDisposedException>(copy.Dispose);
                Assert.Throws<ObjectDisposedException>(() => copy.Memory);
                Assert.Throws<ObjectDisposedException>(() => copy.Span.Length);
                Assert.Throws<ObjectDisposedException>(() => copy.Length);
                Assert.True(copy.IsDisposed);
                Assert.NotEqual(rental, copy);
            }

            Assert.True(rental.Span.IndexOfAnyExcept(round) < 0);
            rental.Dispose();
            stale.Add(rental);
            stale = stale.Count > 60 ? stale[1..] : stale;
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    // It may give what a later rental of the heap has there, but never a null pointer. The element type is this test's
    // alone, and so is the slot.
    [Fact]
    public void AStaleMemoryOfTheHeapIsToldWhereAPoolsRentalHasItsPlace()
    {
        using NativeMemoryPool<(short, float)> pool = new(_heap);
        PooledMemory<(short, float)> rental = _heap.RentPooled<(short, float)>(10);
        Memory<(short, float)> stale = rental.Memory;
        rental.Dispose();
        for (int round = 0; round < 100; round++)
        {
            using PooledMemory<(short, float)> later = pool.RentPooled(10);
            Assert.Throws<ObjectDisposedException>(() => stale.Span.Length);
            Assert.Throws<ObjectDisposedException>(() => stale.Pin().Dispose());
            Assert.Equal(10, later.Memory.Span.Length);
        }
    }

    [Fact]
    public void OneOfRacingDisposalsFreesAndTheOthersAreTold()
    {
        for (int round = 0; round < 200; round++)
        {
            PooledMemory<int> rental = _heap.RentPooled<int>(100);
            int told = 0;
            Workers.Run(3, _ =>
            {
                try
                {
                    rental.Dispose();
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref told);
                }
            });
            Assert.Equal(2, told);
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void TheDefaultIsEmptyAndIsDisposedInPeace()
    {
        PooledMemory<int> none = default;
        Assert.Equal(0, none.Length);
        Assert.True(none.Memory.IsEmpty && none.Span.IsEmpty && !none.IsDisposed);
        none.Dispose();
        none.Dispose();
        Assert.Equal(default, none);
    }

    [Fact]
    public void RefusedRentalsLeaveNothing()
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 16 << 20 });
        for (int i = 0; i < 50; i++)
        {
            Assert.Throws<OutOfMemoryException>(() => small.RentPooled<long>(4 << 20));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => small.RentPooled<int>(-1));
        Assert.Throws<ArgumentException>(() => small.RentPooled<int>(1, alignment: 48));
        Assert.Throws<ArgumentNullException>(() => ((IHakmemAllocator)null!).RentPooled<int>(1));
        HeapHealth.AssertWorks(small, expectedLiveBlocks: 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ARentalOfADisposedHeapIsDisposedInPeace(bool isForeign)
    {
        HakmemAllocator heap = new();
        IHakmemAllocator allocator = isForeign ? new ForwardingAllocator(heap) : heap;
        PooledMemory<int> rental = allocator.RentPooled<int>(100);
        heap.Dispose();
        if (!isForeign)
        {
            Assert.Throws<ObjectDisposedException>(() => rental.Memory);
            Assert.Throws<ObjectDisposedException>(() => rental.Span.Length);
        }

        rental.Dispose();
        Assert.Throws<ObjectDisposedException>(rental.Dispose);
        Assert.Throws<ObjectDisposedException>(() => allocator.RentPooled<int>(100));
    }

    [Fact]
    public void ATagCountsItsRentals()
    {
        using MemoryTag tag = new("pooled", hardBytes: 1 << 20);
        using (_heap.ForTag(tag).RentPooled<byte>(100_000))
        {
            Assert.InRange(tag.LiveBytes, 100_000, 200_000);
        }

        Assert.Equal(0, tag.LiveBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void APoolCountsAndLimitsItsRentals(bool recycles)
    {
        using NativeMemoryPool bytes =
            new(_heap, new NativeMemoryPoolOptions { RecycleOwners = recycles, MaxBytes = 10_000 });
        using NativeMemoryPool<int> numbers = new(_heap, new NativeMemoryPoolOptions { RecycleOwners = recycles });
        using (PooledMemory<byte> rental = bytes.RentPooled(6_000))
        using (PooledMemory<int> other = numbers.RentPooled())
        {
            Assert.Equal(6_000, rental.Memory.Length);
            Assert.Equal(4_096, other.Length);
            Assert.Equal(6_000, bytes.GetStatistics().RentedBytes);
            Assert.Throws<OutOfMemoryException>(() => bytes.RentPooled(6_000));
        }

        PooledMemory<byte> stale = bytes.RentPooled(6_000);
        stale.Dispose();
        Assert.Throws<ObjectDisposedException>(stale.Dispose);
        Assert.Equal(0, bytes.GetStatistics().RentedCount);
        Assert.Equal(0, bytes.GetStatistics().LateDisposeCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void RentalsMakeNoGarbage()
    {
        using HakmemAllocator heap = new();
        using NativeMemoryPool pool = new(heap, new NativeMemoryPoolOptions { RecycleOwners = true });
        Assert.Equal(0, ManagedGarbage.Measure(rounds: 1_000, () => heap.RentPooled<int>(100).Dispose()));
        Assert.Equal(0, ManagedGarbage.Measure(rounds: 1_000, () =>
        {
            using PooledMemory<byte> rental = pool.RentPooled(100);
            rental.Memory.Span.Clear();
        }));
    }

    // Rented on one thread and disposed on another, the slots come back through the depot.
    [Fact]
    public void RentalsThatChangeThreadsAreFreed()
    {
        PooledMemory<int>[] rentals = new PooledMemory<int>[200];
        for (int round = 0; round < 5; round++)
        {
            Workers.RunOne(() =>
                Array.ForEach([.. Enumerable.Range(0, rentals.Length)], i => rentals[i] = _heap.RentPooled<int>(i)));
            Assert.Equal(rentals.Length, _heap.GetStatistics().LiveBlocks);
            Workers.RunOne(() => Array.ForEach(rentals, rental => rental.Dispose()));
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

#if DEBUG
    // A thread that only disposes has no place for the slot yet. The slot is not needed, and the disposal has
    // succeeded.
    [Fact]
    public void ADisposalWithoutManagedMemorySucceeds()
    {
        PooledMemory<int> rental = _heap.RentPooled<int>(100);
        Workers.RunOne(() =>
        {
            ManagedMemory.RefuseNth(1);
            rental.Dispose();
            Assert.Equal(0, ManagedMemory.RefuseNth(0));
        });
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }
#endif
}
