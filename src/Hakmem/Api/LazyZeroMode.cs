namespace Hakmem;

/// <summary>When the pages of memory that has become empty are discarded, so that the kernel hands them back as zeros.</summary>
public enum LazyZeroMode
{
    /// <summary>When an empty SuperSlab has stayed so for <see cref="HakmemOptions.PurgeDelay"/> (the default): hot memory is kept.</summary>
    Deferred = 0,

    /// <summary>As soon as a SuperSlab becomes empty, as the original HAKMEM did.</summary>
    Immediate = 1,

    /// <summary>Never by itself: only <see cref="IHakmemAllocator.Trim"/> and the cache's limits give memory back.</summary>
    Off = 2,
}
