using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using Google.Protobuf;
using Hakmem.Profiling;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Profiles;

// Reads a profile in pprof's format (github.com/google/pprof, proto/profile.proto): those of this library, and others
// that have the same four values. Only what a HeapProfile has is kept: functions, not lines or mappings.
internal sealed class PprofReader
{
    // A file of more than this is no heap profile, or one that was made to fill memory.
    private const int MaxBytes = 1 << 30;

    private static readonly string[] s_types = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

    private readonly List<string> _strings = [];
    private readonly List<(ulong Type, ulong Unit)> _types = [];
    private readonly List<(List<ulong> Locations, List<long> Values, (ulong Key, ulong Text) Label)> _samples = [];
    private readonly Dictionary<ulong, List<ulong>> _functionsOfLocation = [];
    private readonly Dictionary<ulong, ulong> _nameOfFunction = [];
    private long _timeNanos;
    private long _durationNanos;
    private long _period;

    // Throws ToolException if the file cannot be read, or is no such profile.
    public static HeapProfile Read(string path)
    {
        try
        {
            return Read(File.ReadAllBytes(path), path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            throw new ToolException(ToolError.File, $"{path} cannot be read: {failure.Message}");
        }
    }

    public static HeapProfile Read(byte[] bytes, string path)
    {
        try
        {
            PprofReader reader = new();
            reader.ReadProfile(new CodedInputStream(Unzip(bytes)));
            return reader.ToProfile();
        }
        catch (Exception failure) when (failure is InvalidProtocolBufferException or InvalidDataException
            or ArgumentOutOfRangeException or KeyNotFoundException or OverflowException)
        {
            throw new ToolException(ToolError.File, $"{path} is no heap profile in pprof's format: {failure.Message}");
        }
    }

    private static byte[] Unzip(byte[] bytes)
    {
        if (bytes is not [0x1F, 0x8B, ..])
        {
            return bytes;
        }

        using GZipStream zip = new(new MemoryStream(bytes), CompressionMode.Decompress);
        using MemoryStream copy = new();
        byte[] piece = new byte[64 << 10];
        for (int count = zip.Read(piece); count > 0; count = zip.Read(piece))
        {
            if (copy.Length + count > MaxBytes)
            {
                throw new InvalidDataException($"It has more than {MaxBytes} bytes.");
            }

            copy.Write(piece, 0, count);
        }

        return copy.ToArray();
    }

    private void ReadProfile(CodedInputStream input)
    {
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: _types.Add(ReadType(Inner(input))); break;
                case 2: _samples.Add(ReadSample(Inner(input))); break;
                case 4: ReadLocation(Inner(input)); break;
                case 5: ReadFunction(Inner(input)); break;
                case 6: _strings.Add(input.ReadString()); break;
                case 9: _timeNanos = input.ReadInt64(); break;
                case 10: _durationNanos = input.ReadInt64(); break;
                case 12: _period = input.ReadInt64(); break;
                default: input.SkipLastField(); break;
            }
        }
    }

    private static CodedInputStream Inner(CodedInputStream input) => new(input.ReadBytes().ToByteArray());

    private static (ulong Type, ulong Unit) ReadType(CodedInputStream input)
    {
        (ulong Type, ulong Unit) type = default;
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: type.Type = input.ReadUInt64(); break;
                case 2: type.Unit = input.ReadUInt64(); break;
                default: input.SkipLastField(); break;
            }
        }

        return type;
    }

    private static (List<ulong> Locations, List<long> Values, (ulong Key, ulong Text) Label) ReadSample(
        CodedInputStream input)
    {
        (ulong Key, ulong Text) label = default;
        List<ulong> locations = [];
        List<long> values = [];
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: ReadNumbers(input, tag, locations.Add); break;
                case 2: ReadNumbers(input, tag, value => values.Add((long)value)); break;
                case 3: label = ReadType(Inner(input)); break;
                default: input.SkipLastField(); break;
            }
        }

        return (locations, values, label);
    }

    // Packed or one by one: both are allowed.
    private static void ReadNumbers(CodedInputStream input, uint tag, Action<ulong> add)
    {
        if (WireFormat.GetTagWireType(tag) != WireFormat.WireType.LengthDelimited)
        {
            add(input.ReadUInt64());
            return;
        }

        CodedInputStream packed = Inner(input);
        while (!packed.IsAtEnd)
        {
            add(packed.ReadUInt64());
        }
    }

    private void ReadLocation(CodedInputStream input)
    {
        ulong id = 0;
        List<ulong> functions = [];
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: id = input.ReadUInt64(); break;
                case 4: functions.Add(ReadType(Inner(input)).Type); break;
                default: input.SkipLastField(); break;
            }
        }

        _functionsOfLocation[id] = functions;
    }

    private void ReadFunction(CodedInputStream input)
    {
        (ulong id, ulong name) = ReadType(input);
        _nameOfFunction[id] = name;
    }

    private HeapProfile ToProfile()
    {
        int[] places = [.. s_types.Select(type => _types.FindIndex(found => Text(found.Type) == type))];
        if (places.Any(place => place < 0))
        {
            string found = string.Join(", ", _types.Select(type => Text(type.Type)));
            string wanted = string.Join(", ", s_types);
            throw new InvalidDataException($"It lacks one of the values {wanted}; it has: {found}.");
        }

        HeapProfileSample[] samples =
        [
            .. _samples
                .Select(sample =>
                    (Stack: SampleAnswer.TextOf(TagOf(sample.Label), StackOf(sample.Locations)), sample.Values))
                .GroupBy(sample => sample.Stack, StringComparer.Ordinal)
                .Select(same => new HeapProfileSample(same.Key)
                {
                    AllocatedObjects = same.Sum(sample => sample.Values[places[0]]),
                    AllocatedBytes = same.Sum(sample => sample.Values[places[1]]),
                    InUseObjects = same.Sum(sample => sample.Values[places[2]]),
                    InUseBytes = same.Sum(sample => sample.Values[places[3]]),
                }),
        ];
        if (!TopFunctions.CanBeSummed(samples))
        {
            throw new InvalidDataException("Its values are too large to be added up.");
        }

        return new HeapProfile(HeapProfile.Sort(samples), new HeapProfileOrigin(
            DateTime.UnixEpoch.AddTicks(_timeNanos / TimeSpan.NanosecondsPerTick),
            TimeSpan.FromTicks(_durationNanos / TimeSpan.NanosecondsPerTick), _period, 0));
    }

    private IEnumerable<string> StackOf(List<ulong> locations) => locations
        .SelectMany(location => _functionsOfLocation[location])
        .Select(function => Text(_nameOfFunction[function]));

    // The library's one label.
    private string TagOf((ulong Key, ulong Text) label) =>
        label.Key != 0 && Text(label.Key) == PprofWriter.TagLabel ? Text(label.Text) : "";

    private string Text(ulong number) => _strings[checked((int)number)];
}
