using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// What the two kinds of runs share: a block is there or not by the records under the SuperSlab lock, and a hold keeps
// other threads from it.
internal abstract unsafe class RunKind(LargeBlocks large) : BlockKind
{
    public override BlockInfo Resolve(void* address, DecodedEntry entry, string operation) =>
        large.Resolve(address, operation);

    // A run that was resolved is there.
    public override void RequireLive(ThreadCache* cache, BlockInfo block, void* address, string operation)
    {
    }

    public override HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation) =>
        Misuse.FreedAlready(address, operation);

    public override HakmemCorruptionException? Free(ThreadCache* cache, BlockInfo block, void* address) =>
        TryFree(block, address) ? null : throw Misuse.FreedMeanwhile(address, "Free");

    public override bool TryHold(void* address, string operation, out BlockInfo block) =>
        large.TryHold(address, out block) ? true : throw Misuse.FreedMeanwhile(address, operation);

    public override void Unhold(BlockInfo block, void* address) => large.Unhold(this, block);

    public override HakmemCorruptionException? Flush(ThreadCache* cache) => null;

    // The heap returns the SuperSlabs with all that is in them.
    public override void Clear()
    {
    }

    // Where the records say whether a thread holds a block. Guarded by the SuperSlab lock.
    public abstract ref bool HoldOf(BlockInfo block);

    // False if the block that begins at an address is not there any more, or another thread holds it.
    protected abstract bool TryFree(BlockInfo block, void* address);
}
