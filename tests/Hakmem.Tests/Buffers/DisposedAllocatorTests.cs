using System;
using System.Buffers;
using System.IO;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Owners of memory whose heap is disposed before them, behind an allocator of another class: uses throw, and disposals
// end and do nothing.
public sealed class DisposedAllocatorTests : IDisposable
{
    private const int Length = 100;

    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(60);

    private readonly HakmemAllocator _heap = new();
    private readonly MemoryTag _tag = new("disposed");

    public void Dispose()
    {
        _heap.Dispose();
        _tag.Dispose();
    }

    // Disposal in a loop is what hung.
    [Fact]
    public async Task DisposalEndsOverAProgramsOwnAllocatorThatIsDisposed()
    {
        ForwardingAllocator own = new(_heap);
        IDisposable[] owners = Owners(own);
        using NativeArray<byte> array = new(own, Length);
        MemoryHandle pin = array.AsMemory(0, Length).Pin();
        array.Dispose();
        _heap.Dispose();
        await Task.Run(
            () =>
            {
                Array.ForEach(owners, owner => owner.Dispose());
                pin.Dispose();
            },
            TestContext.Current.CancellationToken).WaitAsync(s_hang, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsRentedOfATagsAllocatorThrowsOnceTheHeapIsDisposed(bool tries)
    {
        IHakmemAllocator tagged = _heap.ForTag(_tag);
        AssertGone(tagged, () =>
        {
            if (!tries || !_heap.TryDispose())
            {
                _heap.Dispose();
            }
        });
    }

    [Fact]
    public void WhatIsRentedOfARegionsAllocatorThrowsOnceTheHeapIsDisposed()
    {
        using MemoryRegion region = _heap.CreateRegion();
        AssertGone(region.AsAllocator(), _heap.Dispose);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsRentedOfATagsRegionThrowsOnceTheHeapIsDisposed(bool isNested)
    {
        using MemoryRegion region = _heap.ForTag(_tag).CreateRegion();
        using MemoryRegion nested = region.CreateRegion();
        AssertGone((isNested ? nested : region).AsAllocator(), _heap.Dispose);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsRentedOfARegionInARegionsBlocksThrowsOnceEitherIsGone(bool isHeap)
    {
        using MemoryRegion outer = _heap.CreateRegion();
        using MemoryRegion inner = outer.AsAllocator().CreateRegion();
        AssertGone(inner.AsAllocator(), isHeap ? _heap.Dispose : outer.Dispose);
    }

    // The chunk that it would bump is gone, too.
    [Fact]
    public unsafe void ARegionOfADisposedHeapGivesOutNothingThatIsWrittenTo()
    {
        using MemoryRegion region = _heap.CreateRegion();
        IHakmemAllocator allocator = region.AsAllocator();
        allocator.Free(allocator.Alloc(10));
        using NativeMemoryPool pool = new(allocator);
        pool.Rent(10).Dispose();
        _heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => allocator.Alloc(10));
        Assert.Throws<ObjectDisposedException>(() => allocator.AllocZeroed(10));
        Assert.Throws<ObjectDisposedException>(() => allocator.AlignedAlloc(10, 64));
        Assert.Throws<ObjectDisposedException>(() => allocator.TryAlloc(10, out _));
        Assert.Throws<ObjectDisposedException>(() => allocator.Realloc(null, 10));
        Assert.Throws<ObjectDisposedException>(() => allocator.Rent<byte>(10).Dispose());
        Assert.Throws<ObjectDisposedException>(() => allocator.RentMemory<byte>(10));
        Assert.Throws<ObjectDisposedException>(() => new NativeArray<byte>(allocator, 10));
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(10));
        Assert.Throws<ObjectDisposedException>(() => region.AllocZeroed(10));
        Assert.Throws<ObjectDisposedException>(() => region.AllocSpan<byte>(10, zeroed: true).Length);
        Assert.Throws<ObjectDisposedException>(() => region.RentMemory<byte>(10, zeroed: true));
    }

    [Fact]
    public void ARegionsEndLeavesTheOthersAllocatorsAlone()
    {
        using MemoryRegion first = _heap.CreateRegion();
        using MemoryRegion second = _heap.CreateRegion();
        using NativeArray<int> array = new(second.AsAllocator(), Length);
        _ = first.AsAllocator();
        first.Dispose();
        array[0] = 1;
        Assert.Equal(1, array[0]);
        _heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => array[0]);
    }

    [Fact]
    public async Task AsyncMembersOfAnArraysStreamThrowThroughTheirTasks()
    {
        NativeArray<byte> array = new(_heap, 4);
        Stream stream = array.AsStream();
        Task write = stream.WriteAsync(new byte[5], 0, 5, TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<NotSupportedException>(() => write);
        ValueTask other = stream.WriteAsync(new byte[5], TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await other);
        array.Dispose();
        Task<int> read = stream.ReadAsync(new byte[5], 0, 5, TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read);
    }

    [Fact]
    public async Task AWaitInVainIsOneRefusalOfARegion()
    {
        using MemoryRegion region = _heap.CreateRegion(new MemoryRegionOptions { MaxBytes = 1 << 20, IsShared = true });
        IHakmemAllocator allocator = region.AsAllocator();
        using NativeBufferWriter<byte> writer = new(allocator);
        await Assert.ThrowsAsync<TimeoutException>(async () => await writer.GetMemoryAsync(
            4 << 20, TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken));
        Assert.Equal(1, allocator.GetStatistics().RefusedAllocations);
    }

    private static IDisposable[] Owners(IHakmemAllocator allocator) =>
    [
        new NativeArray<byte>(allocator, Length), new NativeBufferWriter<byte>(allocator),
        allocator.RentMemory<byte>(Length), allocator.RentPooled<byte>(Length),
    ];

    private static void AssertGone(IHakmemAllocator allocator, Action dispose)
    {
        using NativeArray<int> array = new(allocator, Length);
        using IMemoryOwner<int> owner = allocator.RentMemory<int>(Length);
        PooledMemory<int> pooled = allocator.RentPooled<int>(Length);
        array[0] = owner.Memory.Span[0] = pooled.Span[0] = 1;
        Memory<int> memory = pooled.Memory;
        dispose();
        Assert.Throws<ObjectDisposedException>(() => array[0]);
        Assert.Throws<ObjectDisposedException>(() => owner.Memory.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => pooled.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => memory.Span[0]);
        pooled.Dispose();
    }
}
