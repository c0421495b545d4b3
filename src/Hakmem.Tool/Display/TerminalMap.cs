using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Hakmem.Tool.Answers;
using Spectre.Console;

namespace Hakmem.Tool.Display;

// A heap map of characters. Up to MaxLines SuperSlabs have a line each, with a character for each unit of 64 KiB. More
// have a character each, and if these would fill more than MaxLines lines, a character for several.
internal static class TerminalMap
{
    public const int MaxLines = 96;
    private const int MaxCharsPerLine = 64;

    // An address and the blanks behind it. On terminals that have room for little else, what follows goes below it.
    private const int Margin = 18;
    private const int NarrowMargin = 2;
    private const int LeastChars = 24;

    // From empty to full.
    private const string Fill = "·░▒▓█";

    public static void Write(IAnsiConsole console, MapAnswer answer)
    {
        foreach (HeapMapAnswer heap in answer.Heaps)
        {
            console.WriteText(
                $"Heap {heap.Name} ({heap.Slot}): {Texts.Count(heap.SuperSlabs.Count)} SuperSlabs, " +
                $"{Texts.Bytes(heap.LiveBytes)} live, {Texts.Bytes(heap.CachedBytes)} cached, " +
                $"{Texts.Bytes(heap.DirtyBytes)} dirty" +
                (heap.DirtyBytes == 0 ? "" : $": {Texts.Share(heap.LiveOverDirty)} of the dirty memory is live"));
            foreach (string line in LinesOf(heap, console.Profile.Width))
            {
                console.WriteText(line);
            }

            if (heap.SizeClasses.Count > 0)
            {
                console.Write(Fragmentation(heap));
            }
        }
    }

    public static IEnumerable<string> LinesOf(HeapMapAnswer heap, int width)
    {
        int count = heap.SuperSlabs.Count;
        if (count == 0)
        {
            return [];
        }

        if (count <= MaxLines)
        {
            return heap.SuperSlabs.SelectMany(slab => LinesOf(slab, width)).Concat(Wrap(
                "", width, "a unit each:", "· never used", "- free, with pages", "░▒▓█ blocks of a span out",
                "G growable", "L large", "X guarded"));
        }

        int chars = Math.Clamp(width - Margin, LeastChars, MaxCharsPerLine);
        int perChar = (count + (MaxLines * chars) - 1) / (MaxLines * chars);
        IEnumerable<string> lines = heap.SuperSlabs.Chunk(perChar * chars).SelectMany(part =>
        {
            IEnumerable<double> shares = part.Chunk(perChar).Select(slabs => slabs.Average(slab => slab.FilledShare));
            return Wrap(AddressOf(part[0]), width, string.Concat(shares.Select(CharOf)));
        });
        string unit = perChar == 1 ? "a SuperSlab each:" : $"{perChar} SuperSlabs each:";
        return lines.Concat(Wrap("", width, unit, "· empty", "░▒▓ by how much of it is out", "█ full"));
    }

    private static IEnumerable<string> LinesOf(SlabAnswer slab, int width)
    {
        StringBuilder units = new();
        foreach (UnitGroup group in slab.Units)
        {
            units.Append(CharOf(group), group.Count);
        }

        string kind = slab.Kind switch
        {
            SuperSlabKind.Spans => "",
            SuperSlabKind.LargeRun => slab.RunLength > 0 ? $"large, {slab.RunLength} SuperSlabs" : "large, goes on",
            _ => slab.Kind.ToString(),
        };
        return Wrap(AddressOf(slab), width, units.ToString(), $"{Texts.Bytes(slab.DirtyBytes),10} dirty", kind);
    }

    private static string AddressOf(SlabAnswer slab) => $"{slab.Address,16}";

    // A line of parts with two blanks between them, in several where they have no room in one. Only a part that is
    // longer than a line is torn.
    private static IEnumerable<string> Wrap(string address, int width, params string[] parts)
    {
        int margin = address.Length == 0 || width < Margin + LeastChars ? NarrowMargin : Margin;
        string line = address;
        foreach (string part in parts.SelectMany(part => Tear(part, Math.Max(1, width - margin))))
        {
            if (line.Length > 0 && line.Length + 2 + part.Length > width)
            {
                yield return line;
                line = new string(' ', margin) + part.TrimStart();
            }
            else
            {
                line += line.Length == 0 ? part : "  " + part;
            }
        }

        yield return line;
    }

    private static IEnumerable<string> Tear(string part, int most) =>
        Enumerable.Range(0, (part.Length + most - 1) / most)
            .Select(i => part.Substring(i * most, Math.Min(most, part.Length - (i * most))));

    private static char CharOf(UnitGroup group) => group.Kind switch
    {
        UnitKind.FreeClean => '·',
        UnitKind.FreeDirty => '-',
        UnitKind.Span => group.BlocksOut == 0 ? Fill[1] : CharOf(group.FilledShare),
        UnitKind.GrowableRun => 'G',
        UnitKind.LargeRun => 'L',
        UnitKind.Guarded => 'X',
        _ => '?',
    };

    // Only what is full has the last character.
    private static char CharOf(double share) =>
        Fill[share <= 0 ? 0 : share >= 1 ? Fill.Length - 1 : 1 + (int)(share * (Fill.Length - 2))];

    // The classes that waste most first.
    private static FigureTable Fragmentation(HeapMapAnswer heap)
    {
        FigureTable table = new(leading: 1, ">blocks of", ">live", ">dirty", ">live/dirty", ">not live", ">spans");
        foreach (ClassAnswer row in heap.SizeClasses.OrderByDescending(row => row.DirtyBytes - row.LiveBytes).Take(12))
        {
            table.AddRow(
                Texts.Bytes(row.BlockBytes), Texts.Bytes(row.LiveBytes), Texts.Bytes(row.DirtyBytes),
                Texts.Share(row.LiveOverDirty), Texts.Bytes(Math.Max(0, row.DirtyBytes - row.LiveBytes)),
                $"{row.Spans}");
        }

        return table;
    }
}
