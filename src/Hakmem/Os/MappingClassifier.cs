using System;
using System.Collections.Generic;

namespace Hakmem.Os;

// Tells what each mapping is, by the most certain sign first:
//
//   1. ranges that the library knows: its own
//   2. names: files, stacks, the C library's main heap, the runtime's memory for code
//   3. the collector's range: the mappings around the address of an object, reserved and committed ones by turns
//   4. glibc's arenas: 64 MiB-aligned heaps whose first word points to the arena's record in such a heap
//   5. stacks: a thread's stack pointer lies in the mapping, or a guard page in front of it
//   6. the runtime's other memory: around its code, or beside pages that it reserved and keeps out of dumps
//   7. blocks that malloc mapped one by one: their headers say how long they are
//
// The rest is another malloc's where there is one, and else unknown. A mapping may reach beyond the range that it
// belongs to, as the kernel joins neighbours of the same kind: a part that is known exactly is then counted page by
// page.
//
// One object does one classification.
internal sealed class MappingClassifier(
    MappingTable table, MappedFileNames names, MemoryHints hints, MemoryProbe probe)
{
    // HEAP_MAX_SIZE of glibc on 64-bit systems. The record of an arena follows the record of its first heap.
    private const nuint ArenaHeapBytes = 64 << 20;
    private const nuint MaxArenaRecordOffset = 256;

    // The longest guard in front of a stack, and the longest stack that a guard alone tells where the kernel does not
    // mark stacks (before Linux 6.7).
    private const nuint MaxGuardBytes = 1 << 20;
    private const nuint MaxUnmarkedStackBytes = 16 << 20;

    // The runtime's range for code lies within the reach of a call.
    private const nuint CodeReachBytes = (nuint)2 << 30;

    // The longest mapping that only its neighbour tells: what joins a neighbour by chance is mostly longer.
    private const nuint MaxBytesByNeighbour = 16 << 20;

    private const nuint MallocMappedMark = 2;
    private const nuint MallocMarks = 7;

    private readonly long[] _bytes = new long[(int)ResidentKind.Count];
    private readonly int[] _counts = new int[(int)ResidentKind.Count];

    // The addresses in blocks that malloc mapped and whose headers were found.
    private long _mallocMappedBytes;

    // The resident bytes by kind, and how many mappings are of each.
    public IReadOnlyList<long> Bytes => _bytes;

    public IReadOnlyList<int> Counts => _counts;

    public void Run()
    {
        for (int i = 0; i < table.Count; i++)
        {
            TakeKnownParts(i);
        }

        ForEachUnknown(TellByName);
        foreach (nuint address in hints.CollectorAddresses)
        {
            TellCollector(address, hints.CollectorRangeBytes, ResidentKind.CollectorHeap);
        }

        TellCollector(hints.FrozenAddress, 0, ResidentKind.CollectorFrozen);
        ForEachUnknown(TellArena);
        ForEachUnknown(TellStack);
        foreach (nuint address in hints.CodeAddresses)
        {
            TellCode(address);
        }

        ForEachUnknown(TellRuntime);
        ForEachUnknown(TellMapped);
        ForEachUnknown(i => Set(i, ResidentKind.OtherAnonymous));
        ShareTheRest();
    }

    private void ForEachUnknown(Action<int> tell)
    {
        for (int i = 0; i < table.Count; i++)
        {
            if (table[i].Kind == ResidentKind.Unknown)
            {
                tell(i);
            }
        }
    }

    private void Set(int i, ResidentKind kind)
    {
        ref MemoryMapping mapping = ref table[i];
        mapping.Kind = kind;
        _bytes[(int)kind] += mapping.ResidentBytes;
        _counts[(int)kind] += mapping.ResidentBytes > 0 ? 1 : 0;
    }

    private bool Adjoins(int lower, int upper) =>
        lower >= 0 && upper < table.Count && table[lower].End == table[upper].Start;

    private void TakeKnownParts(int i)
    {
        foreach (AddressRange range in hints.KnownRanges)
        {
            ref MemoryMapping mapping = ref table[i];
            nuint start = nuint.Max(mapping.Start, range.Start);
            nuint end = nuint.Min(mapping.End, range.End);
            if (start >= end || mapping.Kind != ResidentKind.Unknown)
            {
                continue;
            }

            if (start == mapping.Start && end == mapping.End)
            {
                Set(i, range.Kind);
            }
            else if (mapping.ResidentBytes > 0)
            {
                TakePart(i, start, end, range.Kind);
            }
        }
    }

    private void TakePart(int i, nuint start, nuint end, ResidentKind kind)
    {
        ref MemoryMapping mapping = ref table[i];
        long part = probe.CountResident(start, end);
        part = part >= 0
            ? Math.Min(part, mapping.ResidentBytes)
            : (long)(mapping.ResidentBytes * ((double)(end - start) / (mapping.Bytes - mapping.TakenBytes)));
        mapping.ResidentBytes -= part;
        mapping.TakenBytes += end - start;
        _bytes[(int)kind] += part;
    }

    private void TellByName(int i)
    {
        MemoryMapping mapping = table[i];
        ResidentKind kind =
            mapping.Has(MappingTraits.DiskFile) ? names.KindOf(mapping.File)
            : mapping.Has(MappingTraits.RuntimeCode)
                ? mapping.Has(MappingTraits.Executable) ? ResidentKind.Code : ResidentKind.Loader
            : mapping.Has(MappingTraits.MemoryFile) ? ResidentKind.SharedMemory
            : mapping.Has(MappingTraits.Stack) ? ResidentKind.Stacks
            : mapping.Has(MappingTraits.Kernel) ? ResidentKind.NativeLibraries
            : mapping.HasAny(MappingTraits.Heap | MappingTraits.NamedMalloc)
                ? hints.IsGlibc ? ResidentKind.MallocArenas : ResidentKind.OtherMalloc
            : mapping.Has(MappingTraits.Shared) ? ResidentKind.SharedMemory
            : ResidentKind.Unknown;
        if (kind != ResidentKind.Unknown)
        {
            Set(i, kind);
        }
    }

    private bool IsUnknownPlain(int i) => table[i].IsPlain && table[i].Kind == ResidentKind.Unknown;

    // A reservation of the runtime: it keeps pages that it has reserved out of dumps.
    private bool IsReserved(int i) => IsUnknownPlain(i) && table[i].IsInaccessible &&
        (table[i].Has(MappingTraits.NotDumped) || !table[i].Has(MappingTraits.HasFlags)) &&
        !table[i].HasAny(MappingTraits.NoHugePages | MappingTraits.NoReserve);

    private bool IsCommitted(int i) => IsUnknownPlain(i) && table[i].Has(MappingTraits.Writable) &&
        !table[i].HasAny(MappingTraits.NoHugePages | MappingTraits.NoReserve);

    // The collector reserves one range and commits parts of it, so an object is among committed mappings with reserved
    // ones between them. Committed ones at either end may be neighbours and are left out. Below the range itself, whose
    // size is known, are the collector's tables.
    private void TellCollector(nuint address, nuint rangeBytes, ResidentKind kind)
    {
        int middle = table.Find(address);
        if (middle < 0 || !IsUnknownPlain(middle))
        {
            return;
        }

        int first = middle;
        while (Adjoins(first - 1, first) && IsOfTheCollector(first - 1, address, rangeBytes))
        {
            first--;
        }

        int last = middle;
        while (Adjoins(last, last + 1) && IsOfTheCollector(last + 1, address, rangeBytes))
        {
            last++;
        }

        while (first < middle && !IsReserved(first))
        {
            first++;
        }

        while (last > middle && !IsReserved(last))
        {
            last--;
        }

        nuint start = table[first].Start;
        if (rangeBytes != 0)
        {
            nuint end = table[last].End;
            bool isExact = end > rangeBytes && end - rangeBytes >= start && end - rangeBytes <= address;
            start = isExact ? end - rangeBytes : table[middle].Start;
        }

        for (int i = first; i <= last; i++)
        {
            Set(i, table[i].Start >= start ? kind : ResidentKind.CollectorTables);
        }
    }

    private bool IsOfTheCollector(int i, nuint address, nuint rangeBytes)
    {
        nuint start = table[i].Start;
        return (IsReserved(i) || IsCommitted(i)) &&
            (rangeBytes == 0 || (start < address ? address - start : start - address) < rangeBytes);
    }

    // A thread's heap of glibc: its first word points to the arena's record, in the same heap or in the arena's first.
    private void TellArena(int i)
    {
        MemoryMapping mapping = table[i];
        if (!hints.IsGlibc || !IsUnknownPlain(i) || mapping.Start % ArenaHeapBytes != 0 ||
            !mapping.Has(MappingTraits.Writable) || mapping.ResidentBytes == 0)
        {
            return;
        }

        bool isArena = mapping.Has(MappingTraits.NoReserve);
        if (probe.TryReadWords(mapping.Start, out nuint arena, out _))
        {
            nuint offset = arena % ArenaHeapBytes;
            isArena = offset is > 0 and < MaxArenaRecordOffset &&
                probe.TryReadWords(arena - offset, out nuint first, out _) && first == arena;
        }

        if (isArena)
        {
            Set(i, ResidentKind.MallocArenas);
        }
    }

    private void TellStack(int i)
    {
        MemoryMapping mapping = table[i];
        if (!mapping.IsPlain || !mapping.Has(MappingTraits.Writable))
        {
            return;
        }

        int next = Array.BinarySearch(hints.StackPointers, mapping.Start);
        next = next < 0 ? ~next : next;
        bool hasPointer = next < hints.StackPointers.Length && hints.StackPointers[next] < mapping.End;
        if (hasPointer || HasGuard(i))
        {
            Set(i, ResidentKind.Stacks);
        }
    }

    private bool HasGuard(int i)
    {
        if (!Adjoins(i - 1, i))
        {
            return false;
        }

        MemoryMapping guard = table[i - 1];
        return guard.IsPlain && guard.IsInaccessible && guard.Bytes <= MaxGuardBytes &&
            !guard.HasAny(MappingTraits.NotDumped | MappingTraits.NoReserve) &&
            (table[i].Has(MappingTraits.NoHugePages) || table[i].Bytes <= MaxUnmarkedStackBytes);
    }

    // The runtime keeps code, types and the assemblies that it loads in one range.
    private void TellCode(nuint address)
    {
        int middle = table.Find(address);
        if (middle < 0 || !IsOfTheRange(middle, address))
        {
            return;
        }

        int first = middle;
        while (Adjoins(first - 1, first) && IsOfTheRange(first - 1, address))
        {
            first--;
        }

        for (int i = first; i == first || (Adjoins(i - 1, i) && IsOfTheRange(i, address)); i++)
        {
            if (table[i].Kind == ResidentKind.Unknown)
            {
                Set(i, table[i].Has(MappingTraits.Executable) ? ResidentKind.Code : ResidentKind.Loader);
            }
        }
    }

    private bool IsOfTheRange(int i, nuint address)
    {
        nuint distance = table[i].Start < address ? address - table[i].Start : table[i].Start - address;
        return distance < CodeReachBytes && (table[i].Kind is ResidentKind.Assemblies ||
            table[i].Has(MappingTraits.RuntimeCode) ||
            (table[i].Has(MappingTraits.Executable) && table[i].IsPlain) || IsReserved(i) || IsCommitted(i));
    }

    private void TellRuntime(int i)
    {
        MemoryMapping mapping = table[i];
        if (mapping.Has(MappingTraits.Executable))
        {
            Set(i, ResidentKind.Code);
        }
        else if (IsCommitted(i) && Adjoins(i - 1, i) && table[i - 1].Kind == ResidentKind.NativeLibraries &&
            table[i - 1].Has(MappingTraits.Writable) && mapping.Bytes <= MaxBytesByNeighbour)
        {
            // The zeroed data of a library, behind the data that its file has.
            Set(i, ResidentKind.NativeLibraries);
        }
        else if (IsCommitted(i) && mapping.Has(MappingTraits.HasFlags) && mapping.Bytes <= MaxBytesByNeighbour &&
            ((Adjoins(i - 1, i) && IsReserved(i - 1)) || (Adjoins(i, i + 1) && IsReserved(i + 1))))
        {
            Set(i, ResidentKind.Loader);
        }
    }

    // A block that malloc mapped begins with a header: a word that is mostly zero, and its length in whole pages with
    // the mark of such a block. Blocks that adjoin are one mapping.
    private void TellMapped(int i)
    {
        MemoryMapping mapping = table[i];
        if (!hints.IsGlibc || !mapping.IsPlain || !mapping.Has(MappingTraits.Writable) || mapping.ResidentBytes == 0)
        {
            return;
        }

        nuint end = mapping.Start;
        while (end < mapping.End && probe.TryReadWords(end, out nuint before, out nuint header))
        {
            nuint bytes = header & ~MallocMarks;
            if ((header & MallocMarks) != MallocMappedMark || before >= probe.PageSize || bytes == 0 ||
                bytes % probe.PageSize != 0 || bytes > mapping.End - end)
            {
                break;
            }

            end += bytes;
        }

        _mallocMappedBytes += (long)(end - mapping.Start);
        if (end == mapping.End)
        {
            Set(i, ResidentKind.MallocMapped);
        }
        else if (end > mapping.Start)
        {
            TakePart(i, mapping.Start, end, ResidentKind.MallocMapped);
        }
    }

    // Another malloc has all the rest. glibc's has as much as it counts beyond the blocks whose headers were found:
    // these are in mappings that begin with something else.
    private void ShareTheRest()
    {
        long rest = _bytes[(int)ResidentKind.OtherAnonymous];
        ResidentKind kind = hints.HasOtherMalloc ? ResidentKind.OtherMalloc : ResidentKind.MallocMapped;
        long hidden = Math.Max(0, hints.MallocMappedBytes - _mallocMappedBytes);
        long part = hints.HasOtherMalloc ? rest : Math.Min(hidden, rest);
        _bytes[(int)kind] += part;
        _bytes[(int)ResidentKind.OtherAnonymous] -= part;
    }
}

// What is known of this process's memory before its mappings are read. Addresses of objects and code are zero, and
// lists empty, where nothing is known.
internal sealed class MemoryHints
{
    public IReadOnlyList<AddressRange> KnownRanges { get; init; } = [];

    // Where objects are, and the size of the range that the collector reserves for them; zero if not known.
    public IReadOnlyList<nuint> CollectorAddresses { get; init; } = [];

    public nuint CollectorRangeBytes { get; init; }

    public nuint FrozenAddress { get; init; }

    public IReadOnlyList<nuint> CodeAddresses { get; init; } = [];

    // In ascending order.
    public nuint[] StackPointers { get; init; } = [];

    public bool IsGlibc { get; init; }

    public bool HasOtherMalloc { get; init; }

    public long MallocMappedBytes { get; init; }
}
