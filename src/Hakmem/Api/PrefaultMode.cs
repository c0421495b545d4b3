namespace Hakmem;

/// <summary>Whether a SuperSlab or large run gets its physical pages when it is committed, or at first touch.</summary>
public enum PrefaultMode
{
    /// <summary>
    /// Pages arrive at first touch (the default). But where a thread comes back for more blocks of a size up to 4 KiB, the pages of new ones that its
    /// cache takes together arrive in one call (Linux 5.14 and later; not with <see cref="HugePageMode.Always"/>).
    /// </summary>
    None = 0,

    /// <summary>The kernel is advised with <c>MADV_WILLNEED</c>, which does not populate anonymous memory: kept to repeat the original's measurements.</summary>
    WillNeed = 1,

    /// <summary>The kernel populates all pages in one call (<c>MADV_POPULATE_WRITE</c>, Linux 5.14 and later; older kernels fall back to <see cref="Touch"/>).</summary>
    Populate = 2,

    /// <summary>The allocator writes one byte to each page.</summary>
    Touch = 3,
}
