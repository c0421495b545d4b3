using System;
using Xunit;

namespace Hakmem.Tests.Support;

// A region's allocator that owns its region and heap. The region is reset when no block is live and much was used: the
// suite frees far more than there is memory for, and blocks then come from used chunks too.
internal sealed unsafe class RegionTestHeap : WrappedAllocator, IDisposable
{
    private const long BytesBeforeReset = 32 << 20;

    private readonly HakmemAllocator _heap;
    private readonly MemoryRegion _region;
    private readonly IHakmemAllocator _view;

    public RegionTestHeap(HakmemAllocator heap, bool isShared = false)
        : this(heap, heap.CreateRegion(new MemoryRegionOptions { IsShared = isShared }))
    {
    }

    private RegionTestHeap(HakmemAllocator heap, MemoryRegion region)
        : base(region.AsAllocator())
    {
        _heap = heap;
        _region = region;
        _view = region.AsAllocator();
    }

    public void Dispose()
    {
        Assert.Equal(0, _view.GetStatistics().LiveBlocks);
        _region.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        _heap.Dispose();
    }

    public override void Free(void* ptr)
    {
        base.Free(ptr);
        ResetIfUnused();
    }

    public override void Free(void* ptr, nuint byteCount)
    {
        base.Free(ptr, byteCount);
        ResetIfUnused();
    }

    private void ResetIfUnused()
    {
        if (_region.UsedBytes > BytesBeforeReset && _view.GetStatistics().LiveBlocks == 0)
        {
            _region.Reset();
        }
    }
}
