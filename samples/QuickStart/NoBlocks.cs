using System.Runtime.InteropServices;

namespace Hakmem.QuickStart;

// No allocator: every block is the same memory. Its row is what the loop itself takes, to be thought away from the
// others'.
internal readonly unsafe struct NoBlocks : IBlockAllocator
{
    private static readonly nint s_block = (nint)NativeMemory.Alloc(Workloads.LargestBytes);

    public static void* Alloc(nuint byteCount) => (void*)s_block;

    public static void Free(void* block)
    {
    }
}
