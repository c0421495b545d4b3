namespace Hakmem.QuickStart;

// What a workload asks of an allocator. The members are static and the implementations structs, so that the compiler
// makes one loop for each allocator with its calls bound: no virtual call is timed.
internal unsafe interface IBlockAllocator
{
    static abstract void* Alloc(nuint byteCount);

    static abstract void Free(void* block);
}
