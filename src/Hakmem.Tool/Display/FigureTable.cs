using System;
using System.Collections.Generic;
using System.Linq;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hakmem.Tool.Display;

// A table of figures, in what width there is. Where its columns have no room beside each other, it is several tables
// under each other, of which each begins with the columns that say what a row is about. Where there is no room for that
// either, or no such columns, each row is a list.
internal sealed class FigureTable : Renderable
{
    // What a column of words gets at least, if it needs as much: it is wrapped.
    private const int LeastWords = 16;

    // What each of several tables has to have on the average beside the leading columns, or a list is shorter.
    private const int LeastColumns = 2;

    private readonly int _leading;
    private readonly Column[] _columns;
    private readonly List<Cell[]> _rows = [];

    // A column of numbers is marked by a > in front.
    public FigureTable(int leading, params string[] columns)
    {
        _leading = leading;
        _columns = [.. columns.Select((text, place) => new Column(
            place, new Cell(text.TrimStart('>')), text.StartsWith('>')))];
    }

    public void AddRow(params Cell[] cells) => _rows.Add(cells);

    protected override Measurement Measure(RenderOptions options, int maxWidth) =>
        ((IRenderable)Within(maxWidth)).Measure(options, maxWidth);

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
        ((IRenderable)Within(maxWidth)).Render(options, maxWidth);

    private Renderable Within(int width)
    {
        if (WidthOf(_columns) <= width)
        {
            return TableOf(_columns);
        }

        Column[] leading = _columns[.._leading];
        Column[] others = _columns[_leading..];
        List<Column[]> parts = Part(leading, others, width);
        return _leading > 0 && LeastColumns * parts.Count <= others.Length && parts.All(part => WidthOf(part) <= width)
            ? new Rows(parts.Select(TableOf))
            : ToList();
    }

    private List<Column[]> Part(Column[] leading, Column[] others, int width)
    {
        List<Column[]> parts = [leading];
        foreach (Column column in others)
        {
            Column[] wider = [.. parts[^1], column];
            if (WidthOf(wider) <= width)
            {
                parts[^1] = wider;
            }
            else
            {
                parts.Add([.. leading, column]);
            }
        }

        return parts;
    }

    // Each column has a blank at both sides, and a border between it and the next, and at the ends.
    private int WidthOf(Column[] columns) => 1 + columns.Sum(column => 3 + WidthOf(column));

    private int WidthOf(Column column)
    {
        int longest = _rows.Select(row => row[column.Place]).Append(column.Name).Max(cell => cell.Width);
        return column.IsNumber ? longest : Math.Min(longest, LeastWords);
    }

    private Table TableOf(Column[] columns)
    {
        Table table = new() { Border = TableBorder.Simple, ShowHeaders = true };
        foreach (Column column in columns)
        {
            TableColumn added = new(column.Name.ToText()) { NoWrap = column.IsNumber };
            table.AddColumn(column.IsNumber ? added.RightAligned() : added);
        }

        foreach (Cell[] row in _rows)
        {
            table.AddRow(columns.Select(column => row[column.Place].ToText()));
        }

        return table;
    }

    private Grid ToList()
    {
        Grid list = new();
        list.AddColumns(2);
        foreach (Cell[] row in _rows)
        {
            foreach (Column column in _columns.Where(column => row[column.Place].Width > 0))
            {
                list.AddRow(column.Name.ToText(), row[column.Place].ToText());
            }

            list.AddEmptyRow();
        }

        return list;
    }

    private sealed record Column(int Place, Cell Name, bool IsNumber);
}

// What is in a cell: lines of text without a character that a terminal would obey.
internal readonly record struct Cell
{
    private readonly string _text;

    public Cell(string line) => _text = Texts.Clean(line);

    public Cell(IEnumerable<string> lines) => _text = string.Join('\n', lines.Select(Texts.Clean));

    public int Width => _text.Split('\n').Max(line => line.GetCellWidth());

    public static implicit operator Cell(string line) => new(line);

    public Text ToText() => new(_text);
}
