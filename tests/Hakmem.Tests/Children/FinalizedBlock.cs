namespace Hakmem.Tests.Children;

// What many wrappers of unmanaged memory are: its finalizer frees the block.
public sealed unsafe class FinalizedBlock
{
    private readonly void* _block = HakmemAllocator.Shared.Alloc(1_000);

    ~FinalizedBlock()
    {
        HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(2_000));
        HakmemAllocator.Shared.Free(_block);
    }
}
