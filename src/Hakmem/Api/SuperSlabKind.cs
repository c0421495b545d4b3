namespace Hakmem;

/// <summary>What a heap uses one of its SuperSlabs (2 MiB) for.</summary>
public enum SuperSlabKind
{
    /// <summary>Spans of blocks, growable runs, ranges of guarded blocks and free units.</summary>
    Spans = 0,

    /// <summary>Part of one block of whole SuperSlabs, guarded or not.</summary>
    LargeRun = 1,

    /// <summary>Empty and kept for reuse; its pages may be in physical memory.</summary>
    CachedDirty = 2,

    /// <summary>Empty and kept for reuse; its pages were discarded, or never touched.</summary>
    CachedClean = 3,

    /// <summary>Empty, while some thread is discarding its pages or giving it back.</summary>
    Purging = 4,
}
