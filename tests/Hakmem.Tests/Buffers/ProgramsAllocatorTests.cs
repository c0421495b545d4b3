using System;
using System.Buffers;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What rents memory from an allocator of a program's own class, which may throw where the library's do not.
public sealed unsafe class ProgramsAllocatorTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { MaxBytes = 8 << 20 });

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void ARefusalAsksForNoFigures()
    {
        WithoutFigures allocator = new(_heap);
        using NativeMemoryPool pool = new(allocator);
        Assert.Throws<OutOfMemoryException>(() => pool.Rent(50 << 20));
        Assert.Throws<OutOfMemoryException>(() => allocator.Rent<byte>(50 << 20));
        void* block = null;
        Assert.False(allocator.TryRealloc(ref block, 50 << 20, 64));
        using NativeBufferWriter<byte> writer = new(allocator);
        Assert.Throws<OutOfMemoryException>(() => writer.GetSpan(50 << 20));
        Assert.Equal(0, allocator.Asked);
    }

    // Of several blocks that the last unpin frees, each is freed, although the first frees throw.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EachReplacedBlockIsFreedWhereAFreeThrows(bool isDisposedFirst)
    {
        ThrowingAfterFree allocator = new(_heap);
        NativeArray<byte> array = new(allocator, 1_000);
        MemoryHandle pin = array.AsMemory(0, 1_000).Pin();
        for (int i = 2; i <= 5; i++)
        {
            array.Resize(i * 1_000);
        }

        if (isDisposedFirst)
        {
            array.Dispose();
        }

        Assert.Equal(5, _heap.GetStatistics().LiveBlocks);
        allocator.Throws = true;
        Assert.Throws<InvalidOperationException>(pin.Dispose);
        allocator.Throws = false;
        Assert.Equal(isDisposedFirst ? 0 : 1, _heap.GetStatistics().LiveBlocks);
        array.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // It would wait for itself if it were called under the lock that a pin needs.
    [Fact]
    public void AProgramsReallocMayPinTheMemory()
    {
        PinningAtRealloc allocator = new(_heap);
        using NativeArray<byte> array = new(allocator, 1_000);
        array[999] = 0x5A;
        allocator.Memory = array.AsMemory(0, 1_000);
        Thread resizer = new(() => array.Resize(100_000)) { IsBackground = true };
        resizer.Start();
        Assert.True(resizer.Join(60_000));
        Assert.Equal(100_000, array.Length);
        Assert.Equal(0x5A, array[999]);
    }

    private sealed class PinningAtRealloc(IHakmemAllocator heap) : WrappedAllocator(heap)
    {
        public Memory<byte> Memory { get; set; }

        public override void* Realloc(void* ptr, nuint byteCount)
        {
            Memory.Pin().Dispose();
            return base.Realloc(ptr, byteCount);
        }

        public override bool TryRealloc(ref void* ptr, nuint byteCount)
        {
            Memory.Pin().Dispose();
            return base.TryRealloc(ref ptr, byteCount);
        }
    }

    private sealed class WithoutFigures(IHakmemAllocator heap) : WrappedAllocator(heap)
    {
        public int Asked { get; private set; }

        public override HakmemStatistics GetStatistics()
        {
            Asked++;
            throw new NotSupportedException("There are none.");
        }
    }

    private sealed class ThrowingAfterFree(IHakmemAllocator heap) : WrappedAllocator(heap)
    {
        public bool Throws { get; set; }

        public override void Free(void* ptr)
        {
            base.Free(ptr);
            if (Throws)
            {
                throw new InvalidOperationException("The block is free.");
            }
        }
    }
}
