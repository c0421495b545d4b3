using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;

namespace Hakmem.Profiling;

// A profile in pprof's format (github.com/google/pprof, proto/profile.proto), gzipped. Each method is a function with
// one location, since the runtime names methods, not addresses.
internal static class PprofWriter
{
    // The key of the label that names the tag of a sample's blocks.
    public const string TagLabel = "tag";

    private const long NanosecondsPerTick = 100;

    public static byte[] Write(HeapProfile profile)
    {
        Strings strings = new();
        ProtobufWriter message = new();
        WriteType(message, 1, strings, "alloc_objects", "count");
        WriteType(message, 1, strings, "alloc_space", "bytes");
        WriteType(message, 1, strings, "inuse_objects", "count");
        WriteType(message, 1, strings, "inuse_space", "bytes");
        Dictionary<string, ulong> functions = new(StringComparer.Ordinal);
        foreach (HeapProfileSample sample in profile.Samples)
        {
            var locations = new ulong[sample.Frames.Count];
            for (int i = 0; i < locations.Length; i++)
            {
                if (!functions.TryGetValue(sample.Frames[i], out locations[i]))
                {
                    locations[i] = (ulong)functions.Count + 1;
                    functions.Add(sample.Frames[i], locations[i]);
                }
            }

            ProtobufWriter inner = new();
            inner.WritePacked(1, locations);
            inner.WritePacked(
                2,
                [
                    (ulong)sample.AllocatedObjects, (ulong)sample.AllocatedBytes, (ulong)sample.InUseObjects,
                    (ulong)sample.InUseBytes,
                ]);
            if (sample.Tag is { } tag)
            {
                ProtobufWriter label = new();
                label.WriteNumber(1, strings.NumberOf(TagLabel));
                label.WriteNumber(2, strings.NumberOf(tag));
                inner.WriteMessage(3, label);
            }

            message.WriteMessage(2, inner);
        }

        foreach (KeyValuePair<string, ulong> function in functions)
        {
            WriteFunction(message, function.Value, strings.NumberOf(function.Key));
        }

        DateTime epoch = new(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        message.WriteNumber(9, (ulong)((profile.TakenAt - epoch).Ticks * NanosecondsPerTick));
        message.WriteNumber(10, (ulong)(profile.Duration.Ticks * NanosecondsPerTick));
        WriteType(message, 11, strings, "space", "bytes");
        message.WriteNumber(12, (ulong)profile.MeanSampleBytes);
        message.WriteNumber(14, strings.NumberOf("inuse_space"));
        foreach (string text in strings.All)
        {
            message.WriteText(6, text);
        }

        using MemoryStream zipped = new();
        using (GZipStream zip = new(zipped, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] bytes = message.ToArray();
            zip.Write(bytes, 0, bytes.Length);
        }

        return zipped.ToArray();
    }

    // A ValueType: its name and its unit.
    private static void WriteType(ProtobufWriter message, int field, Strings strings, string name, string unit)
    {
        ProtobufWriter inner = new();
        inner.WriteNumber(1, strings.NumberOf(name));
        inner.WriteNumber(2, strings.NumberOf(unit));
        message.WriteMessage(field, inner);
    }

    private static void WriteFunction(ProtobufWriter message, ulong id, ulong name)
    {
        ProtobufWriter line = new();
        line.WriteNumber(1, id);
        ProtobufWriter location = new();
        location.WriteNumber(1, id);
        location.WriteMessage(4, line);
        message.WriteMessage(4, location);
        ProtobufWriter function = new();
        function.WriteNumber(1, id);
        function.WriteNumber(2, name);
        function.WriteNumber(3, name);
        message.WriteMessage(5, function);
    }

    // The string table, whose first element is empty.
    private sealed class Strings
    {
        private readonly Dictionary<string, ulong> _numbers = new(StringComparer.Ordinal) { [string.Empty] = 0 };
        private readonly List<string> _all = [string.Empty];

        public IReadOnlyList<string> All => _all;

        public ulong NumberOf(string text)
        {
            if (!_numbers.TryGetValue(text, out ulong number))
            {
                number = (ulong)_all.Count;
                _numbers.Add(text, number);
                _all.Add(text);
            }

            return number;
        }
    }
}
