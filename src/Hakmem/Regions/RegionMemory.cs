using System;
using System.Buffers;
using Hakmem.Os;

namespace Hakmem.Regions;

// Elements in a region's memory as a Memory<T> and its owner. It owns nothing: the memory is the region's until Reset
// or Dispose, and each access asks the region whether its epoch is still that of the allocation.
internal sealed unsafe class RegionMemory<T>(MemoryRegion region, T* start, int length) : MemoryManager<T>
    where T : unmanaged
{
    private readonly long _epoch = region.Epoch;

    // Set by the owner's Dispose, which must not run beside a use on another thread.
    private bool _isReturned;

    public override Span<T> GetSpan()
    {
        Require();

        // SAFETY: the elements lie in memory of the region, which was not reset or disposed since they were allocated.
        return new Span<T>(start, length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        Require();
        Argument.RequireAtMost(elementIndex, length);
        return new MemoryHandle(start + elementIndex);
    }

    // Unmanaged memory does not move, so there is nothing to release.
    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => _isReturned = true;

    private void Require()
    {
        if (_isReturned)
        {
            throw Disposed.Error($"IMemoryOwner<{Disposed.NameOf(typeof(T))}> of a MemoryRegion", isHeapGone: false);
        }

        region.RequireEpoch(_epoch);
    }
}
