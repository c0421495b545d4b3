namespace Hakmem.Small;

// Where what was freed waits until it may be handed out again, if it has to: the quarantine of full hardening. Thread
// caches give it what was put, rather than to the depots.
//
// Thread-safe. Called under the registry's lock and a cache's gate: so it makes nothing managed and throws nothing.
internal abstract unsafe class BlockQuarantine
{
    // Takes blocks of a size class, however many. What it has no memory for goes to the spans.
    public abstract void Keep(void** blocks, int count, int sizeClass);

    // Gives what it has taken beyond its bounds to the spans. Under neither of these locks.
    public abstract void FlushExcess();

    // Adds the number of blocks that it has to counts, by size class.
    public abstract void CountBlocks(long[] counts);
}
