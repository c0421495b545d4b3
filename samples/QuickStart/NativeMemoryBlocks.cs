using System.Runtime.InteropServices;

namespace Hakmem.QuickStart;

// What .NET ships: the C library's malloc.
internal readonly unsafe struct NativeMemoryBlocks : IBlockAllocator
{
    public static void* Alloc(nuint byteCount) => NativeMemory.Alloc(byteCount);

    public static void Free(void* block) => NativeMemory.Free(block);
}
