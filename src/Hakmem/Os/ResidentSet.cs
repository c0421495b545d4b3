using System;
using System.Collections.Generic;

namespace Hakmem.Os;

// The resident set of this process, by what it belongs to, as far as the system tells.
//
// The one place that asks for it: on Linux the kernel's list of mappings, elsewhere (and where a container forbids the
// list) only the total.
internal sealed class ResidentSet
{
    private readonly long[] _bytes = new long[(int)ResidentKind.Count];

    // Whether each mapping was told. If not, only TotalBytes is known.
    public bool IsTold { get; init; }

    public long TotalBytes { get; init; }

    public long this[ResidentKind kind] => _bytes[(int)kind];

    // Null if malloc is not glibc's.
    public MallocInfo? Malloc { get; init; }

    // The name of a malloc that is not glibc's; null if none is known.
    public string? OtherMalloc { get; init; }

    public int Threads { get; init; }

    public int StackMappings { get; init; }

    // The resident bytes of each mapped file.
    public IReadOnlyDictionary<string, long> MappedFiles { get; init; } = new Dictionary<string, long>();

    // Throws InvalidDataException if the system's list cannot be understood, IOException if reading it failed halfway,
    // and OutOfMemoryException.
    public static ResidentSet Read(MemoryHints hints) =>
        (OperatingSystem.IsLinux() ? LinuxResidentSet.TryRead(hints) : null) ??
        new ResidentSet { TotalBytes = Environment.WorkingSet };

    public static ResidentSet Of(IReadOnlyList<long> bytes, ResidentSet figures)
    {
        for (int kind = 0; kind < bytes.Count; kind++)
        {
            figures._bytes[kind] = bytes[kind];
        }

        return figures;
    }
}
