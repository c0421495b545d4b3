namespace Hakmem;

/// <summary>What one unit (64 KiB) of a SuperSlab holds.</summary>
public enum UnitKind
{
    /// <summary>Nothing, and its memory is known to be zero: never used since it was committed or last discarded.</summary>
    FreeClean = 0,

    /// <summary>Nothing, but it was used: it may hold physical pages.</summary>
    FreeDirty = 1,

    /// <summary>Blocks of one size class: part of a span.</summary>
    Span = 2,

    /// <summary>Part of one block between 64 KiB and 2 MiB that <see cref="IHakmemAllocator.Realloc"/> has grown, and may grow further in place.</summary>
    GrowableRun = 3,

    /// <summary>Part of one block of whole SuperSlabs.</summary>
    LargeRun = 4,

    /// <summary>Taken, while some thread is just opening, closing or resizing what is there.</summary>
    Changing = 5,

    /// <summary>
    /// Part of the range of one guarded block: the block, what lies between it and the guard pages, and these. A freed block's range stays in quarantine
    /// for a while. See <see cref="HardeningLevel.Full"/> and <see cref="HakmemOptions.GuardedSampleInterval"/>.
    /// </summary>
    Guarded = 6,
}
