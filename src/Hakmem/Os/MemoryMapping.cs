using System;

namespace Hakmem.Os;

// One line of the kernel's list of this process's mappings, with its resident bytes, and what it was classified as.
internal struct MemoryMapping
{
    // No file of MappedFileNames.
    public const int NoFile = -1;

    public nuint Start;
    public nuint End;

    // The bytes that have physical pages. The classifier lowers it when it attributes a part of a mapping.
    public long ResidentBytes;

    // The bytes of addresses of that part.
    public nuint TakenBytes;
    public MappingTraits Traits;

    // The index of the file in MappedFileNames, or NoFile.
    public int File;

    // Unknown until it is classified.
    public ResidentKind Kind;

    public readonly nuint Bytes => End - Start;

    public readonly bool Has(MappingTraits traits) => (Traits & traits) == traits;

    public readonly bool HasAny(MappingTraits traits) => (Traits & traits) != 0;

    // Private memory without a name or a file.
    public readonly bool IsPlain => Has(MappingTraits.Anonymous) && !Has(MappingTraits.Shared);

    public readonly bool IsInaccessible =>
        !HasAny(MappingTraits.Readable | MappingTraits.Writable | MappingTraits.Executable);
}

// What the kernel says of a mapping.
[Flags]
internal enum MappingTraits
{
    None = 0,
    Readable = 1 << 0,
    Writable = 1 << 1,
    Executable = 1 << 2,
    Shared = 1 << 3,

    // The line of flags is there; kernels before 3.8 have none. The next three are flags.
    HasFlags = 1 << 4,
    NoReserve = 1 << 5,
    NoHugePages = 1 << 6,
    NotDumped = 1 << 7,

    // By name, one of these: no name, the C library's main heap, a stack, the kernel's own, memory that a malloc has
    // named, the runtime's memory for code and types, shared memory without a file on a disk, or a file.
    Anonymous = 1 << 8,
    Heap = 1 << 9,
    Stack = 1 << 10,
    Kernel = 1 << 11,
    NamedMalloc = 1 << 12,
    RuntimeCode = 1 << 13,
    MemoryFile = 1 << 14,
    DiskFile = 1 << 15,
}

// What memory belongs to, as far as the operating system's facts tell.
internal enum ResidentKind
{
    Unknown,
    CollectorHeap,
    CollectorTables,
    CollectorFrozen,
    Code,
    Loader,
    Assemblies,
    NativeLibraries,
    HakmemBlocks,
    HakmemRecords,

    // The C library's arenas, and the blocks that it maps one by one.
    MallocArenas,
    MallocMapped,
    OtherMalloc,
    Stacks,
    MappedFiles,
    SharedMemory,
    OtherAnonymous,

    // What the report itself uses while it reads; in no figure.
    Reader,
    Count,
}
