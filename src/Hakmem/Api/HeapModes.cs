namespace Hakmem;

/// <summary>Whether memory gets its physical pages when it is committed, or at the first access.</summary>
public enum PrefaultMode
{
    /// <summary>
    /// Each page arrives at its first access (the default). When a thread requests more blocks of a size class of up to
    /// 4 KiB again, the pages of the new blocks that its cache takes together arrive in one system call (Linux 5.14 and
    /// later; not with <see cref="HugePageMode.Always"/>).
    /// </summary>
    None = 0,

    /// <summary>The kernel is advised with <c>MADV_WILLNEED</c>, which does not populate anonymous memory. Other
    /// systems do nothing. This value exists to repeat the measurements of the original HAKMEM.</summary>
    WillNeed = 1,

    /// <summary>The kernel populates all pages in one system call (<c>MADV_POPULATE_WRITE</c>, Linux 5.14 and later).
    /// Older kernels and other systems fall back to <see cref="Touch"/>.</summary>
    Populate = 2,

    /// <summary>The allocator writes one byte to each page.</summary>
    Touch = 3,
}

/// <summary>When the pages of empty memory are discarded, so that the next access finds zeros. On Windows they are
/// decommitted, which also returns their commit charge.</summary>
public enum LazyZeroMode
{
    /// <summary>When a SuperSlab has been empty for <see cref="HakmemOptions.PurgeDelay"/> (the default), so that
    /// memory in frequent use keeps its pages.</summary>
    Deferred = 0,

    /// <summary>As soon as a SuperSlab becomes empty, as the original HAKMEM did.</summary>
    Immediate = 1,

    /// <summary>Never with time, but by <see cref="IHakmemAllocator.Trim"/> and the limits of the cache.</summary>
    Off = 2,
}

/// <summary>What the kernel is told about transparent huge pages (2 MiB) for the memory of the heap. Ignored on systems
/// other than Linux.</summary>
public enum HugePageMode
{
    /// <summary>Nothing: the setting of the operating system applies (the default).</summary>
    Default = 0,

    /// <summary>Small pages only (<c>MADV_NOHUGEPAGE</c>).</summary>
    Never = 1,

    /// <summary>
    /// Huge pages if the kernel has any (<c>MADV_HUGEPAGE</c>). They cause fewer faults and TLB misses and more
    /// resident memory: the pages of a SuperSlab of 2 MiB are then discarded all together or not at all, so
    /// <see cref="IHakmemAllocator.Trim"/> keeps those of SuperSlabs that are partly in use.
    /// </summary>
    Always = 2,
}

/// <summary>Which misuse of the heap is detected, and when.</summary>
public enum HardeningLevel
{
    /// <summary>
    /// Only checks that cost the fast path next to nothing (the default). A call of
    /// <see cref="IHakmemAllocator.Free(void*)"/> detects foreign, interior and misaligned pointers and blocks of other
    /// heaps. It also detects a double free if its thread has freed no other block of the size class in between and no
    /// thread has taken the block since. If a block of up to 256 bytes is freed again after one or two others, the
    /// allocation that finds it reports that before it returns either copy. Any other double free is reported when the
    /// block returns to its span a second time; until then two allocations may return the same block.
    /// </summary>
    Standard = 0,

    /// <summary>
    /// Every free, resize and measurement checks the block against records out of band, so each double free is detected
    /// at the call. Blocks of up to 1 KiB are placed at random, poisoned while they are free and kept in a quarantine.
    /// Larger blocks lie between guard pages, and their calls take locks and make system calls. A pair of calls takes
    /// 10 to 20 times as long as with <see cref="Standard"/> for blocks of up to 1 KiB (the benchmarks random-mixed,
    /// tiny-for and larson), and about 500 times as long for larger blocks.
    /// </summary>
    Full = 1,

    /// <summary>
    /// For production: as <see cref="Standard"/>, and in addition each double free and each resize or measurement of a
    /// freed block is detected at the call, whatever other calls come in between and on whatever thread. A table out of
    /// band has one byte for each 16 bytes of the heap, which is set exactly where a live block begins; freeing a block
    /// exchanges it. There are no guard pages, except around the chunks of a <see cref="MemoryRegion"/>, no poison and
    /// no random placement. A pair of calls takes 1.3 to 2.3 times as long (the benchmarks random-mixed and tiny-for).
    /// The table takes a sixteenth of the memory of the heap, and 64 GiB of address space once for the process.
    /// </summary>
    Checked = 2,
}
