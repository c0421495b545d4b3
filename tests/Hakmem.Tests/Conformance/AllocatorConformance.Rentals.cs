using System;
using System.Buffers;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// Rent and RentMemory over the interface.
public abstract unsafe partial class AllocatorConformance
{
    private static readonly int[] s_lengths = [0, 1, 7, 100, 5_000, 70_000, 400_000];

    [Fact]
    public void RentedBuffersHaveExactlyTheLength()
    {
        foreach (int length in s_lengths)
        {
            using NativeBuffer<long> buffer = _heap.Rent<long>(length, zeroed: true);
            Assert.Equal(length, buffer.Length);
            Pattern.VerifyZero(buffer.Pointer, (nuint)length * sizeof(long));
            Pattern.Fill(buffer.Pointer, (nuint)length * sizeof(long), 1);
            buffer.Resize(length + 1_000, zeroed: true);
            Pattern.Verify(buffer.Pointer, (nuint)length * sizeof(long), 1);
            Pattern.VerifyZero(buffer.Pointer + length, 1_000 * sizeof(long));
        }
    }

    [Fact]
    public void RentedMemoryHasExactlyTheLengthAndAlignment()
    {
        foreach (int length in s_lengths)
        {
            foreach (int alignment in new[] { 0, 1, 16, 64, 4_096, 1 << 21 })
            {
                using IMemoryOwner<long> owner = _heap.RentMemory<long>(length, alignment, zeroed: true);
                Assert.Equal(length, owner.Memory.Length);
                Assert.True(owner.Memory.Span.IndexOfAnyExcept(0L) < 0);
                using MemoryHandle pin = owner.Memory.Pin();
                Assert.Equal((nuint)0, (nuint)pin.Pointer % (nuint)Math.Max(alignment, 16));
                owner.Memory.Span.Fill(-1);
            }
        }
    }

    [Fact]
    public void MemoryOfADisposedOwnerThrows()
    {
        IMemoryOwner<byte> owner = _heap.RentMemory<byte>(100);
        Memory<byte> memory = owner.Memory;
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = owner.Memory; });
        Assert.Throws<ObjectDisposedException>(() => { _ = memory.Span.Length; });
        Assert.Throws<ObjectDisposedException>(() => { memory.Pin().Dispose(); });
    }

    [Fact]
    public void SecondDisposeOfAnOwnerFreesNothing()
    {
        IMemoryOwner<byte> owner = _heap.RentMemory<byte>(100);
        owner.Dispose();
        Block[] blocks = [Block.Allocate(_heap, 100, 1), Block.Allocate(_heap, 100, 2)];
        owner.Dispose();
        Block other = Block.Allocate(_heap, 100, 3);
        foreach (Block block in blocks)
        {
            Assert.NotEqual(block.Address, other.Address);
            block.VerifyAndFree(_heap);
        }

        other.VerifyAndFree(_heap);
    }

    [Fact]
    public void RentalsWithBadArgumentsThrow()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => { _heap.Rent<int>(-1).Dispose(); });
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.RentMemory<int>(-1));
        foreach (int alignment in new[] { 3, 24, -1, -16, int.MinValue, int.MaxValue })
        {
            Assert.Throws<ArgumentException>(() => _heap.RentMemory<int>(10, alignment));
        }

        IHakmemAllocator none = null!;
        Assert.Throws<ArgumentNullException>(() => { none.Rent<int>(1).Dispose(); });
        Assert.Throws<ArgumentNullException>(() => none.RentMemory<int>(1));
    }
}
