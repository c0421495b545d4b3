namespace Hakmem.QuickStart;

internal readonly unsafe struct HakmemBlocks : IBlockAllocator
{
    public static void* Alloc(nuint byteCount) => HakmemAllocator.Shared.Alloc(byteCount);

    public static void Free(void* block) => HakmemAllocator.Shared.Free(block);
}
