using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hakmem.Tool.Answers;

internal sealed record MapAnswer
{
    public string Library { get; init; } = "";

    public int ProcessId { get; init; }

    public IReadOnlyList<HeapMapAnswer> Heaps { get; init; } = [];
}

// The figures of a heap, and its SuperSlabs.
internal sealed record HeapMapAnswer
{
    public int Slot { get; init; }

    public string Name { get; init; } = "";

    public long SuperSlabBytes { get; init; }

    public long UnitBytes { get; init; }

    public long LiveBytes { get; init; }

    public long CachedBytes { get; init; }

    public long DirtyBytes { get; init; }

    public long CommittedBytes { get; init; }

    public double? LiveOverDirty => DirtyBytes > 0 ? (double)LiveBytes / DirtyBytes : null;

    public IReadOnlyList<ClassAnswer> SizeClasses { get; init; } = [];

    public IReadOnlyList<SlabAnswer> SuperSlabs { get; init; } = [];
}

// One SuperSlab and the groups of equal units in it.
[JsonConverter(typeof(SlabConverter))]
internal sealed record SlabAnswer(
    string Address, SuperSlabKind Kind, int RunLength, long DirtyBytes, IReadOnlyList<UnitGroup> Units)
{
    // The share of its units that hold something, from 0 to 1. A unit of a span counts by the blocks that are out of
    // it.
    public double FilledShare => Kind == SuperSlabKind.LargeRun
        ? 1
        : Units.Sum(group => group.Count * group.FilledShare) / Math.Max(1, Units.Sum(group => group.Count));
}

internal readonly record struct UnitGroup(
    int Count, UnitKind Kind, bool IsFirst, int BlockBytes, int BlockCount, int BlocksOut)
{
    public double FilledShare => Kind switch
    {
        UnitKind.FreeClean or UnitKind.FreeDirty => 0,
        UnitKind.Span when BlockCount > 0 => (double)BlocksOut / BlockCount,
        _ => 1,
    };
}

// Reads the compact form of the library's HeapJson, and writes one with names.
internal sealed class SlabConverter : JsonConverter<SlabAnswer>
{
    public override SlabAnswer Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonElement[] parts = JsonSerializer.Deserialize<JsonElement[]>(ref reader, options) ?? [];
        if (parts.Length < 5)
        {
            throw new JsonException("A SuperSlab has fewer members than five.");
        }

        string[] groups = parts[4].GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new SlabAnswer(
            parts[0].GetString()!, (SuperSlabKind)parts[1].GetInt32(), parts[2].GetInt32(), parts[3].GetInt64(),
            [.. groups.Select(ReadGroup)]);
    }

    public override void Write(Utf8JsonWriter writer, SlabAnswer value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString("address", value.Address);
        writer.WriteString("kind", value.Kind.ToString());
        writer.WriteNumber("runLength", value.RunLength);
        writer.WriteNumber("dirtyBytes", value.DirtyBytes);
        writer.WritePropertyName("units");
        JsonSerializer.Serialize(
            writer,
            value.Units.Select(group => new
            {
                group.Count,
                Kind = group.Kind.ToString(),
                group.IsFirst,
                group.BlockBytes,
                group.BlockCount,
                group.BlocksOut,
            }),
            options);
        writer.WriteEndObject();
    }

    // count*kind:isFirst[:blockBytes:blockCount:blocksOut]
    private static UnitGroup ReadGroup(string text)
    {
        int[] numbers;
        try
        {
            IEnumerable<string> parts = text.Split('*', ':');
            numbers = [.. parts.Select(part => int.Parse(part, NumberStyles.None, CultureInfo.InvariantCulture))];
        }
        catch (FormatException failure)
        {
            throw new JsonException($"\"{text}\" is no group of units.", failure);
        }

        return numbers switch
        {
            [var count, var kind, var isFirst] => new UnitGroup(count, (UnitKind)kind, isFirst != 0, 0, 0, 0),
            [var count, var kind, var isFirst, var bytes, var blocks, var blocksOut] =>
                new UnitGroup(count, (UnitKind)kind, isFirst != 0, bytes, blocks, blocksOut),
            _ => throw new JsonException($"\"{text}\" is no group of units."),
        };
    }
}
