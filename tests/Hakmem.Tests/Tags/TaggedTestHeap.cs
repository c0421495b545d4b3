using System;
using System.Threading;
using Xunit;

namespace Hakmem.Tests.Tags;

// A heap whose blocks are all allocated for tags, two of one tree by turns, and freed and resized by whom it happens:
// through the heap, the tag's allocator or the other tag's. When it is disposed everything must be free, and no tag may
// count anything.
internal sealed unsafe class TaggedTestHeap : IHakmemAllocator, IDisposable
{
    private readonly HakmemAllocator _heap;
    private readonly MemoryTag _root;
    private readonly MemoryTag _child;
    private readonly IHakmemAllocator[] _views;
    private int _calls;

    // isLimited: with limits that are never reached.
    public TaggedTestHeap(HakmemAllocator heap, bool isLimited = false)
    {
        _heap = heap;
        _root = new MemoryTag("root", null, 0, isLimited ? long.MaxValue : 0);
        _child = new MemoryTag("child", _root);
        _views = [heap.ForTag(_root), heap.ForTag(_child), heap];
    }

    public HakmemAllocator Heap => _heap;

    public MemoryTag Root => _root;

    private IHakmemAllocator Tagged => _views[Interlocked.Increment(ref _calls) & 1];

    private IHakmemAllocator Any => _views[(uint)Interlocked.Increment(ref _calls) % 3];

    public void Dispose()
    {
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, _root.LiveBytes);
        Assert.Equal(0, _child.LiveBytes);
        Assert.Equal(0, _root.RefusedCount);
        _heap.Dispose();
        _child.Dispose();
        _root.Dispose();
    }

    public void* Alloc(nuint byteCount) => Tagged.Alloc(byteCount);

    public void* AllocZeroed(nuint byteCount) => Tagged.AllocZeroed(byteCount);

    public void* AlignedAlloc(nuint byteCount, nuint alignment) => Tagged.AlignedAlloc(byteCount, alignment);

    public void* AllocAtLeast(nuint byteCount, out nuint usable) => Tagged.AllocAtLeast(byteCount, out usable);

    public nuint GoodSize(nuint byteCount) => Any.GoodSize(byteCount);

    public bool TryAlloc(nuint byteCount, out void* ptr) => Tagged.TryAlloc(byteCount, out ptr);

    public bool TryAllocZeroed(nuint byteCount, out void* ptr) => Tagged.TryAllocZeroed(byteCount, out ptr);

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr) =>
        Tagged.TryAlignedAlloc(byteCount, alignment, out ptr);

    public void* Realloc(void* ptr, nuint byteCount) => (ptr == null ? Tagged : Any).Realloc(ptr, byteCount);

    public void* Realloc(void* ptr, nuint byteCount, nuint alignment) =>
        (ptr == null ? Tagged : Any).Realloc(ptr, byteCount, alignment);

    public bool TryRealloc(ref void* ptr, nuint byteCount) =>
        (ptr == null ? Tagged : Any).TryRealloc(ref ptr, byteCount);

    public bool TryExpand(void* ptr, nuint byteCount) => Any.TryExpand(ptr, byteCount);

    public void Free(void* ptr) => Any.Free(ptr);

    public void Free(void* ptr, nuint byteCount) => Any.Free(ptr, byteCount);

    public nuint UsableSize(void* ptr) => Any.UsableSize(ptr);

    public bool Owns(void* ptr) => Any.Owns(ptr);

    public void Trim() => Any.Trim();

    public HakmemStatistics GetStatistics() => Any.GetStatistics();
}
