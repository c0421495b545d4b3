using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Text.Json;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// What a process leaks: what its pools have reported, and the stacks whose blocks stay. For the latter allocations are
// sampled for some seconds; a block counts if it is in use at the end and was allocated in the first half.
internal static class LeaksCommand
{
    private const int MaxFrames = 6;
    private const int DefaultRows = 10;

    // More samples than a profile has: a leak may be small.
    private const long MeanSampleBytes = 64 << 10;

    public static Command Create()
    {
        Argument<int> pid = CommandBase.ProcessId();
        Option<int> seconds = CommandBase.Seconds("How long to watch allocations; 0 for not at all.", 10);
        Option<string?> heap = CommandBase.Heap();
        Option<long> mean = CommandBase.BoundMeanBytes(new Option<long>("--mean-bytes")
        {
            Description = "The mean number of bytes between two samples.",
            DefaultValueFactory = _ => MeanSampleBytes,
        });
        Option<int> rows = CommandBase.Rows("How many stacks to show.", DefaultRows);
        Option<bool> json = CommandBase.AsJson();
        Option<double> timeout = CommandBase.Timeout();
        Command command = new("leaks", "Shows leaks that pools have reported, and stacks whose blocks stay.")
        {
            pid, seconds, heap, mean, rows, json, timeout,
        };
        CommandBase.SetAction(command, json, async (parsed, cancelled) =>
        {
            Target target = Target.Require(parsed.GetValue(pid));
            TimeSpan limit = CommandBase.TimeoutOf(parsed, timeout);
            int watched = parsed.GetValue(seconds);
            StackRow[] kept = [];
            if (watched > 0)
            {
                Request request = Request.Of(
                    "profile", ("Seconds", watched), ("MinAgeMs", watched * 500L), ("Heap", parsed.GetValue(heap)),
                    ("MeanSampleBytes", parsed.GetValue(mean)));
                JsonElement answer = await ProgressDisplay.ShowAsync(
                    parsed.GetValue(json), progress => Exchange.AskAsync(target, request, limit, cancelled, progress));
                kept = RowsOf(AnswerReader.Read<ProfileAnswer>(answer));
            }

            LeakReportsAnswer reported = AnswerReader.Read<LeakReportsAnswer>(
                await Exchange.AskAsync(target, Request.Of("leaks"), limit, cancelled));
            StackRow[] shown = [.. kept.Take(parsed.GetValue(rows))];
            if (parsed.GetValue(json))
            {
                CommandBase.WriteJson(new
                {
                    reported.Reports,
                    reported.UnkeptCount,
                    watchedSeconds = watched,
                    stacks = shown,
                    stackCount = kept.Length,
                });
            }
            else
            {
                Write(CommandBase.Terminal, target, reported);
                Write(CommandBase.Terminal, watched, kept.Length, shown);
            }
        });
        return command;
    }

    private static StackRow[] RowsOf(ProfileAnswer answer) =>
    [
        .. answer.Heaps.SelectMany(heap =>
            heap.Samples.Where(sample => sample.OldBytes > 0).Select(sample => new StackRow(
                heap.Name, sample.Tag, sample.Stack, sample.OldObjects, sample.OldBytes, sample.OldestSeconds,
                sample.InUseBytes, sample.AllocatedBytes)))
            .OrderByDescending(row => row.Bytes),
    ];

    private static void Write(IAnsiConsole console, Target target, LeakReportsAnswer answer)
    {
        console.WriteText($"Process {target.Id} ({target.Name})");
        if (answer.Reports.Count == 0)
        {
            console.WriteText(
                "No pool has reported a rental that was dropped undisposed. Pools do so with LeakTracking.");
            return;
        }

        FigureTable table = new(leading: 0, ">reported", ">bytes", "first", "last", "rented by");
        foreach (LeakReport report in answer.Reports.OrderByDescending(report => report.Bytes))
        {
            table.AddRow(
                Texts.Count(report.Count), Texts.Bytes(report.Bytes), $"{report.FirstAt:u}", $"{report.LastAt:u}",
                report.Stack.Count == 0 ? "not recorded: LeakTracking.Stacks does" : CellOf(report.Stack));
        }

        console.Write(table);
        if (answer.UnkeptCount > 0)
        {
            console.WriteText($"{Texts.Count(answer.UnkeptCount)} more reports are of further stacks.");
        }
    }

    private static void Write(IAnsiConsole console, int seconds, int all, StackRow[] rows)
    {
        if (seconds == 0)
        {
            return;
        }

        if (rows.Length == 0)
        {
            console.WriteText($"Nothing that was sampled in {seconds} s stayed for half of that time.");
            return;
        }

        console.WriteText(
            $"Blocks of the first half of {seconds} s that are in use at the end, by stack: {rows.Length} of {all}. " +
            "Estimates.");
        FigureTable table = new(leading: 0, ">blocks", ">bytes", ">stayed", ">oldest", "heap", "allocated by");
        foreach (StackRow row in rows)
        {
            table.AddRow(
                Texts.Count(row.Blocks), Texts.Bytes(row.Bytes), Texts.Share(row.InUseBytes, row.AllocatedBytes),
                $"{row.OldestSeconds:0.#} s", OwnerOf(row), CellOf(row.Stack));
        }

        console.Write(table);
    }

    private static string OwnerOf(StackRow row) => row.Tag.Length == 0 ? row.Heap : $"{row.Heap}, tag {row.Tag}";

    private static Cell CellOf(IReadOnlyList<string> stack) =>
        new(stack.Count > MaxFrames ? stack.Take(MaxFrames).Append("...") : stack);

    private sealed record StackRow(
        string Heap, string Tag, IReadOnlyList<string> Stack, long Blocks, long Bytes, double OldestSeconds,
        long InUseBytes, long AllocatedBytes);
}
