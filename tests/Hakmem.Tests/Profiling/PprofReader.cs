using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Xunit;

namespace Hakmem.Tests.Profiling;

// Reads pprof's format by the definition of its messages (proto/profile.proto), and requires that every reference
// holds.
internal sealed class PprofReader
{
    private readonly List<string> _strings = [];
    private readonly Dictionary<ulong, ulong> _functionOfLocation = [];
    private readonly Dictionary<ulong, string> _functions = [];

    private PprofReader(byte[] bytes)
    {
        List<(int Field, ulong Number, byte[] Bytes)> fields = FieldsOf(bytes);
        _strings.AddRange(
            fields.Where(field => field.Field == 6).Select(field => Encoding.UTF8.GetString(field.Bytes)));
        Assert.Equal(string.Empty, _strings[0]);
        foreach ((int number, ulong _, byte[] inner) in fields)
        {
            if (number == 4)
            {
                byte[] line = Assert.Single(FieldsOf(inner), field => field.Field == 4).Bytes;
                _functionOfLocation.Add(NumberOf(inner, 1), NumberOf(line, 1));
            }
            else if (number == 5)
            {
                _functions.Add(NumberOf(inner, 1), _strings[(int)NumberOf(inner, 2)]);
            }
        }

        SampleTypes = [.. fields.Where(field => field.Field == 1).Select(field => TypeOf(field.Bytes))];
        Samples = [.. fields.Where(field => field.Field == 2).Select(field => SampleOf(field.Bytes))];
        PeriodType = TypeOf(fields.Single(field => field.Field == 11).Bytes);
        Period = (long)NumberOf(bytes, 12);
        TimeNanos = (long)NumberOf(bytes, 9);
        DurationNanos = (long)NumberOf(bytes, 10);
        DefaultType = _strings[(int)NumberOf(bytes, 14)];
    }

    public IReadOnlyList<(string Name, string Unit)> SampleTypes { get; }

    public IReadOnlyList<(string[] Frames, long[] Values, string? Tag)> Samples { get; }

    public (string Name, string Unit) PeriodType { get; }

    public long Period { get; }

    public long TimeNanos { get; }

    public long DurationNanos { get; }

    public string DefaultType { get; }

    public static PprofReader Read(byte[] zipped)
    {
        using GZipStream zip = new(new MemoryStream(zipped), CompressionMode.Decompress);
        using MemoryStream bytes = new();
        zip.CopyTo(bytes);
        return new PprofReader(bytes.ToArray());
    }

    private (string, string) TypeOf(byte[] bytes) =>
        (_strings[(int)NumberOf(bytes, 1)], _strings[(int)NumberOf(bytes, 2)]);

    private (string[] Frames, long[] Values, string? Tag) SampleOf(byte[] bytes)
    {
        ulong[] locations = PackedOf(bytes, 1);
        return (
            [.. locations.Select(id => _functions[_functionOfLocation[id]])],
            [.. PackedOf(bytes, 2).Select(value => (long)value)],
            FieldsOf(bytes).Where(field => field.Field == 3).Select(field => TagOf(field.Bytes)).SingleOrDefault());
    }

    private string TagOf(byte[] label)
    {
        Assert.Equal("tag", _strings[(int)NumberOf(label, 1)]);
        return _strings[(int)NumberOf(label, 2)];
    }

    private static ulong[] PackedOf(byte[] bytes, int field)
    {
        byte[] packed = FieldsOf(bytes).Single(each => each.Field == field).Bytes;
        List<ulong> values = [];
        for (int at = 0; at < packed.Length;)
        {
            values.Add(VariableAt(packed, ref at));
        }

        return [.. values];
    }

    private static ulong NumberOf(byte[] bytes, int field) =>
        FieldsOf(bytes).Where(each => each.Field == field).Select(each => each.Number).SingleOrDefault();

    private static List<(int Field, ulong Number, byte[] Bytes)> FieldsOf(byte[] bytes)
    {
        List<(int, ulong, byte[])> fields = [];
        for (int at = 0; at < bytes.Length;)
        {
            ulong tag = VariableAt(bytes, ref at);
            ulong value = VariableAt(bytes, ref at);
            Assert.True(tag % 8 is 0 or 2);
            byte[] inner = tag % 8 == 2 ? bytes[at..(at + (int)value)] : [];
            fields.Add(((int)(tag / 8), value, inner));
            at += inner.Length;
        }

        return fields;
    }

    private static ulong VariableAt(byte[] bytes, ref int at)
    {
        ulong value = 0;
        int shift = 0;
        do
        {
            value |= (bytes[at] & 0x7FUL) << shift;
            shift += 7;
        }
        while ((bytes[at++] & 0x80) != 0);
        return value;
    }
}
