using System;

namespace Hakmem.Tests.Support;

// An allocator that calls HakmemCallbacks through their pointers for all that C has a function for. They end the
// process where an allocator throws, so a wrong pointer is told before.
internal sealed unsafe class CallbackAllocator : IHakmemAllocator, IDisposable
{
    private static readonly HakmemAllocator s_shared = HakmemAllocator.Shared;

    public void* Alloc(nuint byteCount) => Required(HakmemCallbacks.Malloc(byteCount), byteCount);

    public void* AllocZeroed(nuint byteCount) => Required(HakmemCallbacks.Calloc(1, byteCount), byteCount);

    public void* AlignedAlloc(nuint byteCount, nuint alignment)
    {
        void* block = HakmemCallbacks.AlignedAlloc(alignment, byteCount);
        return block == null && (alignment == 0 || (alignment & (alignment - 1)) != 0)
            ? throw new ArgumentException("The alignment is no power of two.", nameof(alignment))
            : Required(block, byteCount);
    }

    public void* AllocAtLeast(nuint byteCount, out nuint usable)
    {
        usable = s_shared.GoodSize(byteCount);
        return Alloc(usable);
    }

    public nuint GoodSize(nuint byteCount) => s_shared.GoodSize(byteCount);

    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        ptr = HakmemCallbacks.Malloc(byteCount);
        return ptr != null;
    }

    public bool TryAllocZeroed(nuint byteCount, out void* ptr)
    {
        ptr = HakmemCallbacks.Calloc(byteCount, 1);
        return ptr != null;
    }

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr) =>
        s_shared.TryAlignedAlloc(byteCount, alignment, out ptr);

    public void* Realloc(void* ptr, nuint byteCount)
    {
        s_shared.UsableSize(ptr);
        return Required(HakmemCallbacks.Realloc(ptr, byteCount), byteCount);
    }

    public void* Realloc(void* ptr, nuint byteCount, nuint alignment) => s_shared.Realloc(ptr, byteCount, alignment);

    public bool TryRealloc(ref void* ptr, nuint byteCount)
    {
        s_shared.UsableSize(ptr);
        void* block = HakmemCallbacks.Realloc(ptr, byteCount);
        ptr = block == null ? ptr : block;
        return block != null;
    }

    public bool TryExpand(void* ptr, nuint byteCount) => s_shared.TryExpand(ptr, byteCount);

    public void Free(void* ptr)
    {
        s_shared.UsableSize(ptr);
        HakmemCallbacks.Free(ptr);
    }

    public void Free(void* ptr, nuint byteCount) => s_shared.Free(ptr, byteCount);

    public nuint UsableSize(void* ptr) => HakmemCallbacks.UsableSize(ptr);

    public bool Owns(void* ptr) => s_shared.Owns(ptr);

    public void Trim() => s_shared.Trim();

    public HakmemStatistics GetStatistics() => s_shared.GetStatistics();

    // The shared heap is not disposed.
    public void Dispose()
    {
    }

    private static void* Required(void* block, nuint byteCount) =>
        block != null ? block : throw new OutOfMemoryException($"malloc({byteCount}) returned null.");
}
