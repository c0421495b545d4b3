using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hakmem.Tool.Commands;

// A live table of the heaps of one process, or of all that use the library. It ends with whoever reads it.
internal static class TopCommand
{
    public static Command Create()
    {
        Argument<int?> pid = new("pid")
        {
            Description = "The identifier of the process; all processes without it.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<double> interval = CommandBase.Number("--interval", "Seconds between two readings.", 1);
        CommandBase.Bound<double>(interval, value => value is >= 0.1 and <= 60, "from 0.1 to 60");
        Option<int> count = new("--count") { Description = "End after so many readings; 0 for none." };
        CommandBase.Bound<int>(count, value => value >= 0, "0 or more");
        Option<bool> json = CommandBase.AsJson();
        Option<double> timeout = CommandBase.Timeout();
        Command command = new("top", "Shows the heaps of one process, or of all, as they change.")
        {
            pid, interval, count, json, timeout,
        };
        CommandBase.SetAction(command, json, (parsed, cancelled) => RunAsync(
            new Wish(parsed.GetValue(pid), TimeSpan.FromSeconds(parsed.GetValue(interval)), parsed.GetValue(count)),
            CommandBase.TimeoutOf(parsed, timeout), parsed.GetValue(json), cancelled));
        return command;
    }

    private static async Task RunAsync(Wish wish, TimeSpan timeout, bool isJson, CancellationToken cancelled)
    {
        TopFeed feed = new(wish.Interval, timeout);
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        if (wish.Pid is { } one)
        {
            feed.Follow(Target.Require(one), ended.Token);
        }

        Task showing = isJson || Console.IsOutputRedirected
            ? ShowAsync(wish, feed, () => WritePlain(feed.Rows, isJson), ended.Token)
            : CommandBase.Terminal.Live(Render(feed.Rows)).AutoClear(false).StartAsync(context => ShowAsync(
                wish, feed, () => context.UpdateTarget(Render(feed.Rows)), ended.Token));
        try
        {
            await await Task.WhenAny(showing, OutputReader.WaitUntilGoneAsync(ended.Token));
        }
        catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
        {
            // Ctrl-C is how a live table ends.
        }
        finally
        {
            await ended.CancelAsync();
            await TopFeed.IgnoreEndAsync(showing);
            await feed.EndAsync();
        }
    }

    // The first reading is shown when there are figures. Where all processes are shown, others may send theirs
    // meanwhile.
    private static async Task ShowAsync(Wish wish, TopFeed feed, Action show, CancellationToken cancelled)
    {
        for (int reading = 0; wish.Count == 0 || reading < wish.Count; reading++)
        {
            if (wish.Pid is null)
            {
                feed.FollowAll(cancelled);
            }

            if (reading == 0)
            {
                await feed.WaitForFiguresAsync(wish.Pid, cancelled);
            }

            if (reading > 0 || wish.Pid is null)
            {
                await feed.WaitAsync(wish.Pid, wish.Interval, cancelled);
            }

            show();
        }
    }

    private static void WritePlain(IReadOnlyList<TopRow> rows, bool isJson)
    {
        if (isJson)
        {
            var line = rows.Select(row => new { row.Pid, row.Name, row.Now.Heaps });
            Console.Out.WriteLine(JsonSerializer.Serialize(line, CommandBase.JsonLine));
        }
        else
        {
            CommandBase.Terminal.Write(Render(rows));
        }
    }

    private static IRenderable Render(IReadOnlyList<TopRow> rows)
    {
        FigureTable table = new(
            leading: 3, ">pid", "process", "heap", ">live", ">change", ">blocks", ">cached", ">dirty", ">live/dirty",
            ">committed", ">refused");
        foreach (TopRow row in rows)
        {
            foreach (HeapAnswer heap in row.Now.Heaps)
            {
                HeapAnswer? before = row.Before?.Heaps.FirstOrDefault(other => other.Slot == heap.Slot);
                table.AddRow(
                    $"{row.Pid}", row.Name, heap.Name, Texts.Bytes(heap.LiveBytes),
                    before is null ? "" : Texts.Bytes(heap.LiveBytes - before.LiveBytes), Texts.Count(heap.LiveBlocks),
                    Texts.Bytes(heap.CachedBytes), Texts.Bytes(heap.DirtyBytes), Texts.Share(heap.LiveOverDirty),
                    Texts.Bytes(heap.CommittedBytes), Texts.Count(heap.RefusedAllocations));
            }
        }

        return rows.Count == 0 ? new Text("No process has sent figures yet.\n") : table;
    }

    private sealed record Wish(int? Pid, TimeSpan Interval, int Count);
}
