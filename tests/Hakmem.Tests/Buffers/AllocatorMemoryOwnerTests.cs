using System;
using System.Buffers;
using System.Linq;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Rentals over the interface: of a heap that is disposed or full, and of an allocator of another class.
public sealed class AllocatorMemoryOwnerTests
{
    // The fronts of allocators of other classes are in a table of the framework's, whose lock an interrupt ends.
    [Fact]
    public void InterruptedRentalsKeepTheirInterrupt()
    {
        using HakmemAllocator heap = new();
        bool isDone = false;
        Thread[] others = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                new ForwardingAllocator(heap).RentMemory<byte>(10).Dispose();
            }
        }))];
        Array.ForEach(others, thread => thread.Start());
        Exception? failure = null;
        int kept = 0;
        Thread interrupted = new(() =>
        {
            try
            {
                for (int i = 0; i < 500; i++)
                {
                    Thread.CurrentThread.Interrupt();
                    new ForwardingAllocator(heap).RentMemory<byte>(10).Dispose();
                    using (NativeBuffer<int> buffer = ((IHakmemAllocator)new ForwardingAllocator(heap)).Rent<int>(5))
                    {
                        buffer[4] = i;
                    }

                    kept += Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(1)) is not null ? 1 : 0;
                }
            }
            catch (Exception wrong)
            {
                failure = wrong;
            }
        });
        interrupted.Start();
        interrupted.Join();
        Volatile.Write(ref isDone, true);
        Array.ForEach(others, thread => thread.Join());
        Assert.Null(failure);
        Assert.Equal(500, kept);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OwnerOfADisposedHeapThrowsAndDisposesQuietly(bool isForeign)
    {
        HakmemAllocator heap = new();
        IHakmemAllocator allocator = isForeign ? new ForwardingAllocator(heap) : heap;
        IMemoryOwner<byte> owner = allocator.RentMemory<byte>(100);
        heap.Dispose();
        if (!isForeign)
        {
            Assert.Throws<ObjectDisposedException>(() => owner.Memory);
        }

        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
        Assert.Throws<ObjectDisposedException>(() => allocator.RentMemory<byte>(100));
        Assert.Throws<ObjectDisposedException>(() => allocator.Rent<byte>(100).Dispose());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RefusedRentalsLeaveNothing(bool isForeign)
    {
        const int Limit = 16 << 20;
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = Limit });
        IHakmemAllocator allocator = isForeign ? new ForwardingAllocator(heap) : heap;
        Assert.Throws<OutOfMemoryException>(() => allocator.RentMemory<byte>(Limit + 1));
        Assert.Throws<OutOfMemoryException>(() => allocator.RentMemory<long>(Limit, 64, zeroed: true));
        Assert.Throws<OutOfMemoryException>(() => allocator.Rent<byte>(Limit + 1).Dispose());
        using (NativeBuffer<byte> buffer = allocator.Rent<byte>(100))
        {
            buffer.Span.Fill(1);
            bool isRefused = false;
            try
            {
                buffer.Resize(Limit + 1);
            }
            catch (OutOfMemoryException)
            {
                isRefused = true;
            }

            Assert.True(isRefused);
            Assert.True(buffer.Span.IndexOfAnyExcept((byte)1) < 0);
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4_096, true)]
    public void ForeignAllocatorServesEveryRental(int alignment, bool zeroed)
    {
        using HakmemAllocator heap = new();
        ForwardingAllocator allocator = new(heap);
        for (int length = 0; length < 300_000; length = (2 * length) + 1)
        {
            using IMemoryOwner<int> owner = allocator.RentMemory<int>(length, alignment, zeroed);
            using NativeBuffer<int> buffer = allocator.Rent<int>(length, zeroed);
            Assert.Equal(2, heap.GetStatistics().LiveBlocks);
            Assert.True(!zeroed || (owner.Memory.Span.IndexOfAnyExcept(0) < 0 && buffer.Span.IndexOfAnyExcept(0) < 0));
            owner.Memory.Span.Fill(1);
            buffer.Span.Fill(2);
            buffer.Resize(length + 10_000);
            Assert.True(buffer.Span[..length].IndexOfAnyExcept(2) < 0);
            Assert.True(owner.Memory.Span.IndexOfAnyExcept(1) < 0);
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void RacingDisposalsFreeOnce()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
        for (int round = 0; round < 200; round++)
        {
            IMemoryOwner<int> owner = heap.RentMemory<int>(100);
            Workers.Run(2, _ => owner.Dispose());
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // The holder of a pin, the kernel for instance, may still write to the memory.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void PinnedMemoryIsFreedByTheLastUnpin(bool isForeign)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
        IHakmemAllocator allocator = isForeign ? new ForwardingAllocator(heap) : heap;
        IMemoryOwner<int> owner = allocator.RentMemory<int>(100);
        Memory<int> memory = owner.Memory;
        MemoryHandle first = memory.Pin();
        MemoryHandle second = memory[50..].Pin();
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        Assert.Equal(50, (int*)second.Pointer - (int*)first.Pointer);
        ((int*)first.Pointer)[99] = 7;
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
        first.Dispose();
        first.Dispose();
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        second.Dispose();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void UnpinWithoutAPinDoesNothing()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
        IMemoryOwner<int> owner = heap.RentMemory<int>(100);
        ((MemoryManager<int>)owner).Unpin();
        owner.Memory.Span.Fill(1);
        owner.Dispose();
        ((MemoryManager<int>)owner).Unpin();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void RacingUnpinsAndDisposalsFreeOnce()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
        for (int round = 0; round < 200; round++)
        {
            IMemoryOwner<int> owner = heap.RentMemory<int>(100);
            MemoryHandle[] pins = [owner.Memory.Pin(), owner.Memory.Pin()];
            Workers.Run(3, worker =>
            {
                if (worker < pins.Length)
                {
                    pins[worker].Dispose();
                }
                else
                {
                    owner.Dispose();
                }
            });
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void StructsWithoutReferencesHaveTheMemoryOfRentMemory()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 << 20 });
        using (IMemoryOwner<(byte Flag, double Value)> owner = Rent<(byte, double)>(heap, 1_000))
        {
            Assert.Equal(1_000, owner.Memory.Length);
            Assert.Equal((0, 0.0), owner.Memory.Span[999]);
            owner.Memory.Span[999] = (1, 2.0);
            Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => heap.RentStructMemory<int>(-1));
        Assert.Throws<ArgumentException>(() => heap.RentStructMemory<int>(1, alignment: 3));
        Assert.Throws<ArgumentNullException>(() => ((IHakmemAllocator)null!).RentStructMemory<int>(1));
        Assert.Throws<OutOfMemoryException>(() => heap.RentStructMemory<(decimal, decimal)>(int.MaxValue));
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);

        static IMemoryOwner<T> Rent<T>(IHakmemAllocator allocator, int length)
            where T : struct => allocator.RentStructMemory<T>(length, alignment: 64, zeroed: true);
    }

    [Fact]
    public void StructsWithReferencesAreRefused()
    {
        using HakmemAllocator heap = new();
        ArgumentException refused = Assert.Throws<ArgumentException>(() => heap.RentStructMemory<(int, string)>(1));
        Assert.Contains("has references", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => heap.RentStructMemory<ArraySegment<byte>>(1));
        Assert.Throws<ArgumentException>(() => heap.RentStructMemory<(int, (long, object))>(1));
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }
}
