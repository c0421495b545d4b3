namespace Hakmem.Tests.Support;

// Passes each call to another allocator.
internal abstract unsafe class WrappedAllocator(IHakmemAllocator heap) : IHakmemAllocator
{
    public void* Alloc(nuint byteCount) => heap.Alloc(byteCount);

    public void* AllocZeroed(nuint byteCount) => heap.AllocZeroed(byteCount);

    public void* AlignedAlloc(nuint byteCount, nuint alignment) => heap.AlignedAlloc(byteCount, alignment);

    public void* AllocAtLeast(nuint byteCount, out nuint usable) => heap.AllocAtLeast(byteCount, out usable);

    public nuint GoodSize(nuint byteCount) => heap.GoodSize(byteCount);

    public bool TryAlloc(nuint byteCount, out void* ptr) => heap.TryAlloc(byteCount, out ptr);

    public bool TryAllocZeroed(nuint byteCount, out void* ptr) => heap.TryAllocZeroed(byteCount, out ptr);

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr) =>
        heap.TryAlignedAlloc(byteCount, alignment, out ptr);

    public virtual void* Realloc(void* ptr, nuint byteCount) => heap.Realloc(ptr, byteCount);

    public virtual void* Realloc(void* ptr, nuint byteCount, nuint alignment) =>
        heap.Realloc(ptr, byteCount, alignment);

    public virtual bool TryRealloc(ref void* ptr, nuint byteCount) => heap.TryRealloc(ref ptr, byteCount);

    public bool TryExpand(void* ptr, nuint byteCount) => heap.TryExpand(ptr, byteCount);

    public virtual void Free(void* ptr) => heap.Free(ptr);

    public virtual void Free(void* ptr, nuint byteCount) => heap.Free(ptr, byteCount);

    public virtual nuint UsableSize(void* ptr) => heap.UsableSize(ptr);

    public bool Owns(void* ptr) => heap.Owns(ptr);

    public void Trim() => heap.Trim();

    public virtual HakmemStatistics GetStatistics() => heap.GetStatistics();
}
