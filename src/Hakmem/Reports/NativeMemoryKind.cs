namespace Hakmem;

/// <summary>What a row of a <see cref="NativeMemoryReport"/> is about.</summary>
public enum NativeMemoryKind
{
    /// <summary>The garbage collector's heaps as a whole, where the runtime does not tell generations apart.</summary>
    CollectorHeaps = 0,

    /// <summary>Objects that survived the last collection and are in generation 0.</summary>
    CollectorGeneration0 = 1,

    /// <summary>Objects in generation 1.</summary>
    CollectorGeneration1 = 2,

    /// <summary>Objects in generation 2.</summary>
    CollectorGeneration2 = 3,

    /// <summary>The large object heap: arrays of 85 000 bytes and more.</summary>
    CollectorLargeObjects = 4,

    /// <summary>The pinned object heap.</summary>
    CollectorPinnedObjects = 5,

    /// <summary>Objects that were allocated since the last collection, alive or not.</summary>
    CollectorRecent = 6,

    /// <summary>Free memory that the collector keeps: gaps between objects, and empty regions.</summary>
    CollectorFree = 7,

    /// <summary>The collector's own tables (cards, bricks, marks) and its heap of frozen objects.</summary>
    CollectorTables = 8,

    /// <summary>Machine code that was compiled at run time, and the runtime's own data about types, methods and
    /// assemblies.</summary>
    CompiledCode = 9,

    /// <summary>Mapped .NET assemblies, with the code that was compiled in advance.</summary>
    Assemblies = 10,

    /// <summary>The program, native libraries and their data.</summary>
    NativeLibraries = 11,

    /// <summary>Blocks of Hakmem's heaps that callers hold.</summary>
    HakmemLive = 12,

    /// <summary>Free blocks in Hakmem's thread caches, depots and quarantines.</summary>
    HakmemCached = 13,

    /// <summary>Free memory of Hakmem's heaps that has pages still, until it is purged.</summary>
    HakmemDirty = 14,

    /// <summary>Hakmem's own records and tables.</summary>
    HakmemRecords = 15,

    /// <summary>Memory that glibc's malloc has handed out.</summary>
    MallocInUse = 16,

    /// <summary>Freed memory that the arenas of glibc's malloc keep.</summary>
    MallocKept = 17,

    /// <summary>The memory of a malloc other than glibc's, which does not tell more, with all other memory that has no
    /// name.</summary>
    OtherMalloc = 18,

    /// <summary>Stacks of threads, also of ended ones whose stacks the C library keeps.</summary>
    ThreadStacks = 19,

    /// <summary>Mapped files that are no programs.</summary>
    MappedFiles = 20,

    /// <summary>Shared memory without a file on a disk.</summary>
    SharedMemory = 21,

    /// <summary>Memory without a name that nothing here explains, such as direct mappings of native code.</summary>
    OtherAnonymous = 22,

    /// <summary>The rest of a resident set of which the system tells only the total.</summary>
    Unexplained = 23,
}
