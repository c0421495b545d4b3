namespace Hakmem;

/// <summary>How much misuse is caught, and when.</summary>
public enum HardeningLevel
{
    /// <summary>
    /// The checks that cost the fast path next to nothing (the default): foreign, cross-heap, interior and misaligned frees at
    /// the call, an immediate double free at the call, other double frees at the latest when the block leaves the thread's cache.
    /// </summary>
    Standard = 0,

    /// <summary>
    /// Every free, resize and measurement is checked against out-of-band records at the call, so that each double free is caught at once.
    /// Blocks are not cached by threads: each call takes a lock and costs several times as much.
    /// </summary>
    Full = 1,
}
