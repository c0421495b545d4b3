using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;

namespace Hakmem.Os;

// Reads and classifies the mappings of this process.
//
// What is asked first is what allocates: the threads' stack pointers and malloc's figures. The list of mappings is then
// read into memory outside of all heaps, in the order of its addresses, and the kernel does not stop the process
// meanwhile: figures of neighbouring mappings may be some milliseconds apart.
internal static unsafe class LinuxResidentSet
{
    private const int BufferBytes = 16 << 10;

    // Null if this process may not read the list, or there is none. Tests give it other files.
    public static ResidentSet? TryRead(MemoryHints hints, string path = SmapsParser.Path)
    {
        nuint[] stackPointers = ThreadStacks.Read(out int threads);
        MallocInfo? malloc = MallocInfo.TryRead();
        MappedFileNames names = new();
        using MappingTable table = new();
        SmapsParser parser = new(table, names);
        byte* buffer = stackalloc byte[BufferBytes];
        int error = LinuxFile.TryReadPieces(path, buffer, BufferBytes, parser.Add);
        if (LinuxFile.IsAbsent(error))
        {
            return null;
        }

        if (error != 0)
        {
            throw new IOException(string.Create(
                CultureInfo.InvariantCulture, $"{path} could not be read: error {error} of the system."));
        }

        parser.Finish();
        string? otherMalloc = names.FindOtherMalloc() ?? (malloc is null ? "a malloc that is not glibc's" : null);
        MappingClassifier classifier = new(table, names, new MemoryHints
        {
            KnownRanges = [.. hints.KnownRanges, table.OwnRange],
            CollectorAddresses = hints.CollectorAddresses,
            CollectorRangeBytes = hints.CollectorRangeBytes,
            FrozenAddress = hints.FrozenAddress,
            CodeAddresses = hints.CodeAddresses,
            StackPointers = stackPointers,
            IsGlibc = malloc is not null,
            HasOtherMalloc = otherMalloc is not null,
            MallocMappedBytes = malloc?.MappedBytes ?? 0,
        }, new MemoryProbe());
        Dictionary<string, long> files = CountFiles(table, names);
        classifier.Run();
        long total = 0;
        for (int kind = 0; kind < classifier.Bytes.Count; kind++)
        {
            total += kind == (int)ResidentKind.Reader ? 0 : classifier.Bytes[kind];
        }

        return ResidentSet.Of(classifier.Bytes, new ResidentSet
        {
            IsTold = true,
            TotalBytes = total,
            Malloc = malloc,
            OtherMalloc = otherMalloc,
            Threads = threads,
            StackMappings = classifier.Counts[(int)ResidentKind.Stacks],
            MappedFiles = files,
        });
    }

    private static Dictionary<string, long> CountFiles(MappingTable table, MappedFileNames names)
    {
        long[] bytes = new long[names.Count];
        for (int i = 0; i < table.Count; i++)
        {
            if (table[i].File >= 0)
            {
                bytes[table[i].File] += table[i].ResidentBytes;
            }
        }

        Dictionary<string, long> files = [];
        for (int file = 0; file < bytes.Length; file++)
        {
            if (bytes[file] > 0 && names.KindOf(file) == ResidentKind.MappedFiles)
            {
                files.Add(names[file], bytes[file]);
            }
        }

        return files;
    }
}
