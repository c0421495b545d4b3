namespace Hakmem;

/// <summary>How much misuse is caught, and when.</summary>
public enum HardeningLevel
{
    /// <summary>
    /// The checks that cost the fast path next to nothing (the default): foreign, cross-heap, interior and misaligned frees at
    /// the call, and a double free at the call if its thread freed nothing of the size class between and no other thread has taken the block since. A block
    /// of up to 256 bytes that is freed again after one or two others is reported by the allocation that comes upon it, before either copy is handed out.
    /// Another double free is reported when the block comes back to its span a second time; until then it may be handed out twice.
    /// </summary>
    Standard = 0,

    /// <summary>
    /// Every free, resize and measurement is checked against out-of-band records at the call, so that each double free is caught at once. Blocks up
    /// to 1 KiB are placed at random, poisoned while free and kept in a quarantine; larger ones lie between guard pages, and their calls take locks
    /// and make system calls. A pair of calls takes 10 to 20 times as long as with <see cref="Standard"/> up to 1 KiB (the benchmarks random-mixed,
    /// tiny-for and larson), and some 500 times above.
    /// </summary>
    Full = 1,

    /// <summary>
    /// For production: as <see cref="Standard"/>, and each double free is told at the call, whatever other calls lie
    /// between and on whatever thread, as is a resize or measurement of a freed block. A table out of band has one byte
    /// for each 16 bytes of the heap, set exactly where a live block begins; freeing a block exchanges it. No guard
    /// pages, no poison, no random placement. A pair of calls takes 1.3 to 2.3 times as long (the benchmarks random-mixed
    /// and tiny-for); the table takes a sixteenth of the heap's memory, and 64 GiB of address space once for the
    /// process.
    /// </summary>
    Checked = 2,
}
