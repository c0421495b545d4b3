namespace Hakmem;

/// <summary>What the kernel is told about transparent 2 MiB pages for this heap's memory.</summary>
public enum HugePageMode
{
    /// <summary>Nothing: the system's setting decides (the default).</summary>
    Default = 0,

    /// <summary>Small pages only (<c>MADV_NOHUGEPAGE</c>).</summary>
    Never = 1,

    /// <summary>
    /// Huge pages where the kernel has them (<c>MADV_HUGEPAGE</c>). Fewer faults and TLB misses, more resident memory: a SuperSlab of 2 MiB
    /// is then given back as a whole or not at all, so that <see cref="IHakmemAllocator.Trim"/> leaves those that are partly in use.
    /// </summary>
    Always = 2,
}
