namespace Hakmem;

/// <summary>How much misuse is caught, and when.</summary>
public enum HardeningLevel
{
    /// <summary>
    /// The checks that cost the fast path next to nothing (the default): foreign, cross-heap, interior and misaligned frees at
    /// the call, and a double free at the call if nothing of its size class was freed between. Another double free is reported when the block
    /// comes back to its span a second time; until then it may be handed out twice.
    /// </summary>
    Standard = 0,

    /// <summary>
    /// Every free, resize and measurement is checked against out-of-band records at the call, so that each double free is caught at once. Blocks up
    /// to 1 KiB are placed at random, poisoned while free and kept in a quarantine; larger ones lie between guard pages. Blocks are not cached by
    /// threads: each call takes locks, those for larger blocks make system calls.
    /// </summary>
    Full = 1,
}
