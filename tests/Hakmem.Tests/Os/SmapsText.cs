using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Hakmem.Os;

namespace Hakmem.Tests.Os;

// Reads a text as the kernel's list of mappings, and describes the memory that a probe would see.
internal sealed class SmapsText : IDisposable
{
    public SmapsText(string text, int pieceBytes = int.MaxValue)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        SmapsParser parser = new(Table, Names);
        for (int start = 0; start < bytes.Length; start += Math.Min(pieceBytes, bytes.Length - start))
        {
            parser.Add(bytes.AsSpan(start, Math.Min(pieceBytes, bytes.Length - start)));
        }

        parser.Finish();
    }

    public MappingTable Table { get; } = new();

    public MappedFileNames Names { get; } = new();

    public IEnumerable<MemoryMapping> Mappings => Enumerable.Range(0, Table.Count).Select(i => Table[i]);

    public void Dispose() => Table.Dispose();

    // A mapping with all of its pages resident, unless told otherwise.
    public static string Line(
        string range, string access, string name = "", string? flags = null, long? kilobytes = null)
    {
        string[] ends = range.Split('-');
        long size = (Convert.ToInt64(ends[1], 16) - Convert.ToInt64(ends[0], 16)) >> 10;
        string text = $"{range} {access} 00000000 00:00 0     {name}\nSize: {size} kB\nRss:  {kilobytes ?? size} kB\n";
        return text + (flags is null ? "" : $"VmFlags: {flags} \n");
    }

    // The resident KiB of each kind that has any.
    public Dictionary<ResidentKind, long> Classify(MemoryHints hints, FakeProbe? probe = null)
    {
        MappingClassifier classifier = new(Table, Names, hints, probe ?? new FakeProbe());
        classifier.Run();
        return Enumerable.Range(0, (int)ResidentKind.Count)
            .Where(kind => classifier.Bytes[kind] != 0)
            .ToDictionary(kind => (ResidentKind)kind, kind => classifier.Bytes[kind] >> 10);
    }

    // Memory in which all is zero besides some words, and all pages are resident.
    internal sealed class FakeProbe : MemoryProbe
    {
        public Dictionary<nuint, (nuint First, nuint Second)> Words { get; } = [];

        public bool IsRefused { get; init; }

        public override nuint PageSize => 4096;

        public override bool TryReadWords(nuint address, out nuint first, out nuint second)
        {
            (first, second) = Words.GetValueOrDefault(address);
            return !IsRefused;
        }

        public override long CountResident(nuint start, nuint end) => IsRefused ? -1 : (long)(end - start);
    }
}
