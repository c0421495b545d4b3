namespace Hakmem.Small;

// The quarantine of full hardening, as the layers below it see it: freed blocks wait there until they may be allocated
// again. Thread caches flush freed blocks into it instead of into the depots.
//
// Thread-safe. Keep runs under the registry's lock and a cache's gate: it allocates no managed memory and never throws.
internal abstract unsafe class BlockQuarantine
{
    // Takes any number of blocks of a size class. Blocks that it has no memory for are freed to their spans.
    public abstract void Keep(void** blocks, int count, int sizeClass);

    // Frees blocks beyond its bounds to their spans. Called under neither of these locks.
    public abstract void FlushExcess();

    // Adds the number of its blocks to counts, by size class.
    public abstract void CountBlocks(long[] counts);
}
