using System;
using System.Diagnostics;
using System.Globalization;
using Hakmem;
using Hakmem.QuickStart;
using Spectre.Console;

// A tour in four stops: the ways to rent memory, two workloads against the C library's malloc, what the heap knows
// about itself, and what the operating system has to give meanwhile. Every figure printed is measured while you watch.
const int WidthWithoutTerminal = 100;
if (Console.IsOutputRedirected)
{
    AnsiConsole.Profile.Width = WidthWithoutTerminal;
}

var watch = Stopwatch.StartNew();
HakmemAllocator heap = HakmemAllocator.Shared;
ResidentSet resident = new();
resident.Note("at the start");
AnsiConsole.Write(new Rule("[bold]Hakmem[/] · an off-heap allocator in pure C#").LeftJustified());
AnsiConsole.WriteLine();

Rentals.Show();
Race.Show();

heap.Trim();
resident.Note("before the blocks");

// The table of addresses is a rented buffer itself: hundreds of thousands of them would be work for the garbage
// collector.
using (NativeBuffer<nint> blocks = heap.Rent<nint>(WorkingSet.BlockCount))
{
    WorkingSet.Allocate(heap, blocks.Span);
    resident.Note(string.Create(
        CultureInfo.InvariantCulture, $"with {blocks.Length:N0} blocks of 64 B to 4 MiB"));
    ShowStatistics("statistics with the blocks held");
    WorkingSet.Free(heap, blocks.Span);
}

resident.Note("all freed, kept warm for the next");
heap.Trim();
resident.Note("after Trim()");
ShowStatistics("statistics after Trim()");
resident.Show();

AnsiConsole.MarkupLine(string.Create(
    CultureInfo.InvariantCulture, $"[grey]{watch.Elapsed.TotalSeconds:0.0} s in all.[/]"));

void ShowStatistics(string title)
{
    AnsiConsole.Write(new Panel(new Text(heap.GetStatistics().ToString())).Header(title).RoundedBorder());
    AnsiConsole.WriteLine();
}
