using System;
using Xunit;

namespace Hakmem.Tests.Support;

// A region's allocator that owns its region and heap. The region is reset when no block is live and much was used: the
// suite frees far more than there is memory for, and blocks then come from used chunks too.
internal sealed unsafe class RegionTestHeap : IHakmemAllocator, IDisposable
{
    private const long BytesBeforeReset = 32 << 20;

    private readonly HakmemAllocator _heap;
    private readonly MemoryRegion _region;
    private readonly IHakmemAllocator _view;

    public RegionTestHeap(HakmemAllocator heap, bool isShared = false)
    {
        _heap = heap;
        _region = _heap.CreateRegion(new MemoryRegionOptions { IsShared = isShared });
        _view = _region.AsAllocator();
    }

    public void Dispose()
    {
        Assert.Equal(0, _view.GetStatistics().LiveBlocks);
        _region.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        _heap.Dispose();
    }

    public void* Alloc(nuint byteCount) => _view.Alloc(byteCount);

    public void* AllocZeroed(nuint byteCount) => _view.AllocZeroed(byteCount);

    public void* AlignedAlloc(nuint byteCount, nuint alignment) => _view.AlignedAlloc(byteCount, alignment);

    public void* AllocAtLeast(nuint byteCount, out nuint usable) => _view.AllocAtLeast(byteCount, out usable);

    public nuint GoodSize(nuint byteCount) => _view.GoodSize(byteCount);

    public bool TryAlloc(nuint byteCount, out void* ptr) => _view.TryAlloc(byteCount, out ptr);

    public bool TryAllocZeroed(nuint byteCount, out void* ptr) => _view.TryAllocZeroed(byteCount, out ptr);

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr) =>
        _view.TryAlignedAlloc(byteCount, alignment, out ptr);

    public void* Realloc(void* ptr, nuint byteCount) => _view.Realloc(ptr, byteCount);

    public void* Realloc(void* ptr, nuint byteCount, nuint alignment) => _view.Realloc(ptr, byteCount, alignment);

    public bool TryRealloc(ref void* ptr, nuint byteCount) => _view.TryRealloc(ref ptr, byteCount);

    public bool TryExpand(void* ptr, nuint byteCount) => _view.TryExpand(ptr, byteCount);

    public void Free(void* ptr)
    {
        _view.Free(ptr);
        ResetIfUnused();
    }

    public void Free(void* ptr, nuint byteCount)
    {
        _view.Free(ptr, byteCount);
        ResetIfUnused();
    }

    public nuint UsableSize(void* ptr) => _view.UsableSize(ptr);

    public bool Owns(void* ptr) => _view.Owns(ptr);

    public void Trim() => _view.Trim();

    public HakmemStatistics GetStatistics() => _view.GetStatistics();

    private void ResetIfUnused()
    {
        if (_region.UsedBytes > BytesBeforeReset && _view.GetStatistics().LiveBlocks == 0)
        {
            _region.Reset();
        }
    }
}
