using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// The common part of both kinds of runs. The records under the SuperSlab lock say whether a block exists and whether a
// thread holds it.
internal abstract unsafe class RunKind(LargeBlocks large) : BlockKind
{
    public override BlockInfo Resolve(void* address, DecodedEntry entry, string operation) =>
        large.Resolve(address, operation);

    // A run that was resolved exists.
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

    // The heap releases the SuperSlabs with their records.
    public override void Clear()
    {
    }

    // Returns the record that says whether a thread holds a block. Guarded by the SuperSlab lock.
    public abstract ref bool HoldOf(BlockInfo block);

    // Returns false if no block begins at the address any more, or another thread holds it.
    protected abstract bool TryFree(BlockInfo block, void* address);
}
