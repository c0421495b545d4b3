using System;
using System.Collections.Generic;
using System.Globalization;
using Hakmem.Os;

namespace Hakmem.Reports;

// Makes the rows of a report. The memory layer says how many bytes each owner has; the owners say what these are for.
//
// An owner's figures are of addresses, and may count pages that are not resident. So they divide the resident bytes of
// the owner: what it has in use first, and what it keeps gets the rest. The sum of all rows is the resident set.
internal sealed unsafe class ReportBuilder
{
    private const int MaxParts = 16;

    private readonly List<NativeMemoryRow> _rows = [];
    private readonly ResidentSet _set;
    private readonly CollectorFigures _collector;
    private readonly HakmemFigures _hakmem;

    private ReportBuilder(ResidentSet set, CollectorFigures collector, HakmemFigures hakmem)
    {
        _set = set;
        _collector = collector;
        _hakmem = hakmem;
    }

    public static NativeMemoryReport Capture(bool mayCollect)
    {
        CollectorFigures collector = CollectorFigures.Read(mayCollect);
        HakmemFigures hakmem = HakmemFigures.Read();
        delegate*<bool, NativeMemoryReport> code = &Capture;
        ResidentSet set = ResidentSet.Read(new MemoryHints
        {
            KnownRanges = hakmem.Ranges,
            CollectorAddresses = collector.FindAddresses(),
            CollectorRangeBytes = collector.RangeBytes,
            FrozenAddress = CollectorFigures.FindFrozenAddress(),
            CodeAddresses = [(nuint)code, (nuint)(nint)typeof(NativeMemoryReport).TypeHandle.Value],
        });
        return Build(set, collector, hakmem, DateTimeOffset.UtcNow);
    }

    public static NativeMemoryReport Build(
        ResidentSet set, CollectorFigures collector, HakmemFigures hakmem, DateTimeOffset capturedAt)
    {
        ReportBuilder builder = new(set, collector, hakmem);
        if (set.IsTold)
        {
            builder.AddAll();
        }
        else
        {
            builder.AddWhatIsTold();
        }

        if (builder._rows.Count == 0)
        {
            builder._rows.Add(new NativeMemoryRow(
                NativeMemoryKind.Unexplained, "everything", set.TotalBytes, "the system says nothing", []));
        }

        builder._rows.Sort(static (left, right) => right.ResidentBytes.CompareTo(left.ResidentBytes));
        return new NativeMemoryReport(capturedAt, set.TotalBytes, builder._rows);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Takes at most what is left.
    private static long Take(ref long rest, long bytes)
    {
        long taken = Math.Max(0, Math.Min(rest, bytes));
        rest -= taken;
        return taken;
    }

    private void Add(
        NativeMemoryKind kind, string name, long bytes, string source, IEnumerable<NativeMemoryPart>? parts = null)
    {
        if (bytes > 0)
        {
            _rows.Add(new NativeMemoryRow(kind, name, bytes, source, Largest(parts ?? [])));
        }
    }

    private static List<NativeMemoryPart> Largest(IEnumerable<NativeMemoryPart> parts)
    {
        List<NativeMemoryPart> largest = [];
        foreach (NativeMemoryPart part in parts)
        {
            if (part.Bytes > 0)
            {
                largest.Add(part);
            }
        }

        largest.Sort(static (left, right) => right.Bytes.CompareTo(left.Bytes));
        if (largest.Count > MaxParts)
        {
            long rest = 0;
            for (int i = MaxParts; i < largest.Count; i++)
            {
                rest += largest[i].Bytes;
            }

            string name = Text($"{largest.Count - MaxParts} more");
            largest.RemoveRange(MaxParts, largest.Count - MaxParts);
            largest.Add(new NativeMemoryPart(name, rest));
        }

        return largest;
    }

    private void AddAll()
    {
        AddCollector();
        AddRuntime();
        AddHakmem(_set[ResidentKind.HakmemBlocks], _set[ResidentKind.HakmemRecords], "its own ranges of addresses");
        long beyondMalloc = AddMalloc();
        string threads = _set.Threads == 0
            ? Text($"{_set.StackMappings} mappings behind a guard page or around a stack pointer")
            : Text($"{_set.Threads} threads; mappings behind a guard page or around a thread's stack pointer");
        Add(NativeMemoryKind.ThreadStacks, "thread stacks", _set[ResidentKind.Stacks], threads);
        Add(
            NativeMemoryKind.MappedFiles, "mapped files", _set[ResidentKind.MappedFiles], "files that are no programs",
            FileParts());
        Add(
            NativeMemoryKind.SharedMemory, "shared memory", _set[ResidentKind.SharedMemory],
            "shared mappings without a file on a disk");
        Add(
            NativeMemoryKind.OtherAnonymous, "other anonymous memory",
            _set[ResidentKind.OtherAnonymous] + beyondMalloc,
            "nothing that this report knows, such as direct mappings of native code");
    }

    private void AddCollector()
    {
        long heaps = _set[ResidentKind.CollectorHeap];
        if (!_collector.HasGenerations)
        {
            Add(
                NativeMemoryKind.CollectorHeaps, "collector: heaps", heaps,
                "the mappings around an object's address; this runtime tells no generations");
        }
        else
        {
            string source = _collector.Describe();
            foreach ((NativeMemoryKind kind, long bytes) in _collector.Divide(heaps))
            {
                bool isFree = kind == NativeMemoryKind.CollectorFree;
                Add(
                    kind, NameOf(kind), bytes, isFree ? "what the rows of objects leave of its heaps" : source,
                    isFree ? _collector.FreeParts() : null);
            }
        }

        Add(
            NativeMemoryKind.CollectorTables, "collector: tables and frozen objects",
            _set[ResidentKind.CollectorTables] + _set[ResidentKind.CollectorFrozen],
            "the mappings in front of its heaps, and around a literal's address");
    }

    private static string NameOf(NativeMemoryKind kind) => kind switch
    {
        NativeMemoryKind.CollectorGeneration0 => "collector: generation 0",
        NativeMemoryKind.CollectorGeneration1 => "collector: generation 1",
        NativeMemoryKind.CollectorGeneration2 => "collector: generation 2",
        NativeMemoryKind.CollectorLargeObjects => "collector: large objects",
        NativeMemoryKind.CollectorPinnedObjects => "collector: pinned objects",
        NativeMemoryKind.CollectorRecent => "collector: allocated since the last collection",
        _ => "collector: free",
    };

    private void AddRuntime()
    {
        long code = _set[ResidentKind.Code];
        long loader = _set[ResidentKind.Loader];
        Add(
            NativeMemoryKind.CompiledCode, "compiled code and loader heaps", code + loader,
            "executable mappings without a file, and what the runtime reserves beside them",
            [new NativeMemoryPart("code", code), new NativeMemoryPart("loader heaps", loader)]);
        Add(
            NativeMemoryKind.Assemblies, "assemblies", _set[ResidentKind.Assemblies],
            "mapped .dll and .exe files, with their compiled code");
        Add(
            NativeMemoryKind.NativeLibraries, "program and native libraries", _set[ResidentKind.NativeLibraries],
            "mapped .so files and programs, with their data");
    }

    private void AddHakmem(long blocks, long records, string source)
    {
        long live = Take(ref blocks, _hakmem.LiveBytes);
        long cached = Take(ref blocks, _hakmem.CachedBytes);
        string counts = Text($"{_hakmem.LiveBlocks} blocks of {_hakmem.HeapCount} heaps, by their statistics");
        Add(NativeMemoryKind.HakmemLive, "Hakmem: live", live, counts);
        Add(NativeMemoryKind.HakmemCached, "Hakmem: cached", cached, "free blocks in thread caches and depots");
        Add(NativeMemoryKind.HakmemDirty, "Hakmem: dirty", blocks, "what the rows above leave of " + source);
        Add(NativeMemoryKind.HakmemRecords, "Hakmem: records", records, "its records and tables");
    }

    // Returns what lies in mappings that look like malloc's, and is more than malloc says that it has.
    private long AddMalloc()
    {
        if (_set.Malloc is { } malloc && _set.OtherMalloc is null)
        {
            long arenas = _set[ResidentKind.MallocArenas];
            long inUse = Take(ref arenas, malloc.InUseBytes) + _set[ResidentKind.MallocMapped];
            Add(
                NativeMemoryKind.MallocInUse, "malloc: in use", inUse,
                Text($"{malloc.Arenas.Count} arenas' own count, blocks in caches of threads included"),
                ArenaParts(malloc, static arena => arena.InUseBytes, malloc.MappedBytes));
            Add(
                NativeMemoryKind.MallocKept, "malloc: kept", Take(ref arenas, malloc.FreeBytes),
                "what is not in use of its arenas; malloc_trim returns most of it",
                ArenaParts(malloc, static arena => arena.FreeBytes, 0));
            return arenas;
        }

        Add(
            NativeMemoryKind.OtherMalloc, (_set.OtherMalloc ?? "malloc") + " and other anonymous memory",
            _set[ResidentKind.OtherMalloc] + _set[ResidentKind.MallocArenas] + _set[ResidentKind.MallocMapped],
            "this malloc does not say which mappings it has");
        return 0;
    }

    private static IEnumerable<NativeMemoryPart> ArenaParts(
        MallocInfo malloc, Func<MallocArena, long> bytesOf, long mappedBytes)
    {
        for (int i = 0; i < malloc.Arenas.Count; i++)
        {
            yield return new NativeMemoryPart(Text($"arena {i}"), bytesOf(malloc.Arenas[i]));
        }

        yield return new NativeMemoryPart("mapped one by one", mappedBytes);
    }

    private IEnumerable<NativeMemoryPart> FileParts()
    {
        foreach (KeyValuePair<string, long> file in _set.MappedFiles)
        {
            yield return new NativeMemoryPart(file.Key, file.Value);
        }
    }

    // Where only the total is known: the owners' own figures, as far as the total reaches.
    private void AddWhatIsTold()
    {
        long rest = _set.TotalBytes;
        AddHakmem(
            Take(ref rest, _hakmem.DirtyBytes), Take(ref rest, _hakmem.RecordBytes),
            "the pages that it has used, taken to be resident");
        long committed = _collector.CommittedBytes > 0
            ? _collector.CommittedBytes
            : GC.GetTotalMemory(forceFullCollection: false);
        Add(
            NativeMemoryKind.CollectorHeaps, "collector: heaps", Take(ref rest, committed),
            "what it has committed, taken to be resident");
        Add(
            NativeMemoryKind.Unexplained, "everything else", rest,
            "this system, or a rule of the container, does not list what the process has mapped");
    }
}
