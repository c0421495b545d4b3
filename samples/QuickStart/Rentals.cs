using System;
using System.Buffers;
using System.Globalization;
using System.Text;
using Spectre.Console;

namespace Hakmem.QuickStart;

// The ways to get memory, each used as a program would and reported in a line.
internal static unsafe class Rentals
{
    public static void Show()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        Table table = new Table().RoundedBorder().AddColumns("call", "what came of it");

        // A buffer for a scope: exactly the length asked for, a Span, no garbage.
        using (NativeBuffer<int> buffer = heap.Rent<int>(1_000))
        {
            buffer.Span.Fill(7);
            table.AddRow("heap.Rent<int>(1000)", Text($"{buffer.Length} ints; the last one is {buffer[^1]}"));
        }

        // MemoryPool<byte>.Shared's replacement: crosses awaits, goes wherever an IMemoryOwner<byte> goes.
        using (IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(4_096))
        {
            int written = Encoding.UTF8.GetBytes("héllo", owner.Memory.Span);
            table.AddRow(
                "NativeMemoryPool.Shared.Rent(4096)",
                Text($"{owner.Memory.Length} bytes, {written} of them text"));
        }

        // NativeMemory's names, with a type.
        double* values = heap.Alloc<double>(100);
        new Span<double>(values, 100).Fill(2.5);
        table.AddRow("heap.Alloc<double>(100)", Text($"{heap.UsableSize(values)} usable bytes"));

        values = (double*)heap.Realloc(values, 1_000 * sizeof(double));
        table.AddRow(
            "heap.Realloc(…, 8000)",
            Text($"{heap.UsableSize(values)} usable bytes; the first double is still {values[0]}"));
        heap.Free(values);

        byte* zeros = (byte*)heap.AllocZeroed(1 << 20);
        bool isZero = !new ReadOnlySpan<byte>(zeros, 1 << 20).ContainsAnyExcept((byte)0);
        table.AddRow("heap.AllocZeroed(1 << 20)", isZero ? "all zeros" : "[red]not all zeros[/]");
        heap.Free(zeros);

        void* page = heap.AlignedAlloc(100, 4_096);
        table.AddRow("heap.AlignedAlloc(100, 4096)", Text($"address modulo 4096 is {(nuint)page % 4_096}"));
        heap.Free(page);

        // Misuse is an exception that says what was found.
        try
        {
            heap.Free(page);
        }
        catch (HakmemCorruptionException mistake)
        {
            table.AddRow("heap.Free(…) a second time", Text($"{mistake.Message}"));
        }

        // A heap of one's own: a hard limit, and everything is given back at once.
        using (HakmemAllocator small = new(new HakmemOptions { MaxBytes = 4 << 20 }))
        {
            bool isGiven = small.TryAlloc(64 << 20, out _);
            table.AddRow("TryAlloc(64 MiB) from a 4 MiB heap", isGiven ? "[red]given[/]" : "false, and no exception");
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine();
    }

    private static string Text(FormattableString text) => Markup.Escape(text.ToString(CultureInfo.InvariantCulture));
}
