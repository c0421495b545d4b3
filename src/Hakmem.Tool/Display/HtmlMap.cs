using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Text.Json;
using Hakmem.Tool.Answers;

namespace Hakmem.Tool.Display;

// A heap map as one page, which loads nothing: the figures are in it, and a script of its own draws them. HeapMap.html
// is the page without them.
internal static class HtmlMap
{
    private const string Resource = "HeapMap.html";

    public static void Write(Stream stream, string title, MapAnswer answer)
    {
        using Stream page = typeof(HtmlMap).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The tool lacks {Resource}.");
        using StreamReader reader = new(page, Encoding.UTF8);
        string text = reader.ReadToEnd();

        // What could end the script is escaped by the serializer: it writes < as \u003C.
        text = text.Replace("{{title}}", WebUtility.HtmlEncode(title), StringComparison.Ordinal)
            .Replace("{{taken}}", DateTime.UtcNow.ToString("u", CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{data}}", DataOf(answer), StringComparison.Ordinal);
        using StreamWriter writer = new(stream, new UTF8Encoding(false), leaveOpen: true);
        writer.Write(text);
    }

    // Numbers of units as they are drawn: [count, kind, isFirst, blockBytes, blockCount, blocksOut] in a row.
    private static string DataOf(MapAnswer answer) => JsonSerializer.Serialize(answer.Heaps.Select(heap => new
    {
        name = heap.Name,
        slot = heap.Slot,
        slabBytes = heap.SuperSlabBytes,
        unitBytes = heap.UnitBytes,
        live = heap.LiveBytes,
        cached = heap.CachedBytes,
        dirty = heap.DirtyBytes,
        committed = heap.CommittedBytes,
        classes = heap.SizeClasses.Select(row => new[]
        {
            row.BlockBytes, row.LiveBytes, row.CachedBlocks * row.BlockBytes, row.DirtyBytes, row.SpanBytes, row.Spans,
        }),
        slabs = heap.SuperSlabs.Select(slab => new object[]
        {
            slab.Address, (int)slab.Kind, slab.RunLength, slab.DirtyBytes,
            slab.Units.SelectMany(group => new[]
            {
                group.Count, (int)group.Kind, group.IsFirst ? 1 : 0, group.BlockBytes, group.BlockCount,
                group.BlocksOut,
            }),
        }),
    }));
}
