using System;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using Spectre.Console;

namespace Hakmem.QuickStart;

// Times the two workloads with each allocator. They take turns and each one's fastest round counts, since whatever else
// the machine does can only ever add time.
internal static class Race
{
    private const int Steps = 10_000_000;
    private const int Rounds = 5;

    // The runtime compiles a method again after thirty calls, in the background and not while others are still new:
    // hence several bursts of short calls with pauses longer than its 100 ms.
    private const int WarmBursts = 6;
    private const int WarmCalls = 40;
    private const int WarmSteps = 2_000;
    private static readonly TimeSpan s_warmPause = TimeSpan.FromMilliseconds(150);

    public static void Show()
    {
        Action<int>[] tinyHot =
            [Workloads.TinyHot<HakmemBlocks>, Workloads.TinyHot<NativeMemoryBlocks>, Workloads.TinyHot<NoBlocks>];
        Action<int>[] randomMixed =
        [
            Workloads.RandomMixed<HakmemBlocks>,
            Workloads.RandomMixed<NativeMemoryBlocks>,
            Workloads.RandomMixed<NoBlocks>,
        ];
        Warm([.. tinyHot, .. randomMixed]);

        Table table = new Table().RoundedBorder().Title("ns per step, fastest of several rounds");
        table.AddColumn("workload");
        foreach (string name in (string[])["Hakmem", "NativeMemory", "empty loop", "ratio"])
        {
            table.AddColumn(new TableColumn(name).RightAligned());
        }

        AddRow(table, "Tiny Hot [grey]one 64 B block: alloc, touch, free[/]", tinyHot);
        AddRow(table, "Random Mixed [grey]256 slots, 16..1040 B: alloc or free[/]", randomMixed);
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLine(string.Create(
            CultureInfo.InvariantCulture,
            $"[grey]{Steps:N0} steps a round, {Rounds} rounds by turns. Ratio: Hakmem's time over NativeMemory's.[/]"));
        AnsiConsole.MarkupLine("[grey]The empty loop is part of every column: subtract it in thought.[/]");
        AnsiConsole.WriteLine();
    }

    private static void Warm(Action<int>[] contestants)
    {
        for (int burst = 0; burst < WarmBursts; burst++)
        {
            foreach (Action<int> run in contestants)
            {
                for (int call = 0; call < WarmCalls; call++)
                {
                    run(WarmSteps);
                }
            }

            Thread.Sleep(s_warmPause);
        }
    }

    private static void AddRow(Table table, string workload, Action<int>[] contestants)
    {
        var best = new TimeSpan[contestants.Length];
        Array.Fill(best, TimeSpan.MaxValue);
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < contestants.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                contestants[i](Steps);
                TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
                best[i] = elapsed < best[i] ? elapsed : best[i];
            }
        }

        table.AddRow(
            workload, Nanoseconds(best[0]), Nanoseconds(best[1]), Nanoseconds(best[2]), Ratio(best[0], best[1]));
    }

    private static string Nanoseconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalNanoseconds / Steps:0.0}");

    private static string Ratio(TimeSpan ours, TimeSpan theirs) =>
        string.Create(CultureInfo.InvariantCulture, $"{ours / theirs:0.00}");
}
