using System;
using Xunit;

namespace Hakmem.Tests.Metrics;

// Each call that ends without a block counts once, whichever way it says so.
public sealed unsafe class RefusedAllocationsTests : IDisposable
{
    private const nuint TooMuch = 64 << 20;

    private readonly HakmemAllocator _heap = new(new HakmemOptions { MaxBytes = 8 << 20 });

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void EachRefusedCallCountsOnce()
    {
        Assert.False(_heap.TryAlloc(TooMuch, out _));
        Assert.False(_heap.TryAllocZeroed(TooMuch, out _));
        Assert.False(_heap.TryAlignedAlloc(TooMuch, 4_096, out _));
        Assert.Throws<OutOfMemoryException>(() => _heap.Alloc(TooMuch));
        Assert.Throws<OutOfMemoryException>(() => _heap.AllocZeroed(TooMuch));
        Assert.Throws<OutOfMemoryException>(() => _heap.AlignedAlloc(TooMuch, 4_096));
        Assert.Equal(6, _heap.GetStatistics().RefusedAllocations);
    }

    [Fact]
    public void ARefusedResizeCountsOnceAndKeepsTheBlock()
    {
        void* block = _heap.Alloc(100);
        *(byte*)block = 7;
        Assert.False(_heap.TryRealloc(ref block, TooMuch));
        Assert.Equal(1, _heap.GetStatistics().RefusedAllocations);
        Assert.Equal(7, *(byte*)block);
        _heap.Free(block);
    }

    [Fact]
    public void WhatIsServedDoesNotCount()
    {
        void* block = _heap.Alloc(100);
        Assert.True(_heap.TryRealloc(ref block, 1 << 20));
        _heap.Free(block);
        Assert.Equal(0, _heap.GetStatistics().RefusedAllocations);
        Assert.Equal(8 << 20, _heap.GetStatistics().LimitBytes);
    }

    // Refused by the tag's limit, by its parent's, and by the heap's.
    [Fact]
    public void CallsRefusedThroughATagCountOnce()
    {
        using MemoryTag parent = new("parent", null, 0, 5 << 20);
        using MemoryTag limited = new("limited", parent, 0, 1 << 20);
        using MemoryTag free = new("free");
        IHakmemAllocator view = _heap.ForTag(limited);
        Assert.False(view.TryAlloc(2 << 20, out _));
        Assert.Throws<OutOfMemoryException>(() => view.AlignedAlloc(TooMuch, 4_096));
        void* block = view.Alloc(100);
        Assert.False(view.TryRealloc(ref block, 2 << 20));
        Assert.Equal(3, _heap.GetStatistics().RefusedAllocations);
        Assert.False(_heap.ForTag(free).TryAllocZeroed(TooMuch, out _));
        Assert.False(_heap.ForTag(parent).TryAlloc(TooMuch, out _));
        Assert.False(_heap.TryAlloc(TooMuch, out _));
        Assert.Equal(6, _heap.GetStatistics().RefusedAllocations);
        view.Free(block);
    }

    [Fact]
    public void AFallbackCountsAndNamesItsLimitToo()
    {
        using HakmemAllocator fallback = HakmemAllocator.CreateFallback(new HakmemOptions { MaxBytes = 4 << 20 });
        Assert.False(fallback.TryAlloc(TooMuch, out _));
        Assert.Equal(1, fallback.GetStatistics().RefusedAllocations);
        Assert.Equal(4 << 20, fallback.GetStatistics().LimitBytes);
    }
}
