using System;
using System.Collections.Concurrent;
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

// A live table of the heaps of one process, or of all that use the library. Each process has one session, which sends
// statistics at the interval until it is closed.
internal static class TopCommand
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    // How long a process that gave no answer is left alone.
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        Argument<int?> pid = new("pid")
        {
            Description = "The identifier of the process; all processes without it.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<double> interval = new("--interval")
        {
            Description = "Seconds between two readings.",
            DefaultValueFactory = _ => 1,
        };
        CommandBase.Bound<double>(interval, value => value is >= 0.1 and <= 60, "from 0.1 to 60");
        Option<int> count = new("--count") { Description = "End after so many readings; 0 for none." };
        CommandBase.Bound<int>(count, value => value >= 0, "0 or more");
        Option<bool> json = CommandBase.AsJson();
        Command command = new("top", "Shows the heaps of one process, or of all, as they change.")
        {
            pid, interval, count, json,
        };
        CommandBase.SetAction(command, json, (parsed, cancelled) => RunAsync(
            parsed.GetValue(pid), TimeSpan.FromSeconds(parsed.GetValue(interval)), parsed.GetValue(count),
            parsed.GetValue(json), cancelled));
        return command;
    }

    private static async Task RunAsync(int? pid, TimeSpan interval, int count, bool isJson, CancellationToken cancelled)
    {
        ConcurrentDictionary<int, TopRow> rows = new();
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        ConcurrentDictionary<int, Task> following = new();
        if (pid is { } one)
        {
            Target target = Target.Require(one);
            following[one] = FollowAsync(target, interval, rows, mayWake: true, ended.Token);
        }

        try
        {
            if (isJson || Console.IsOutputRedirected)
            {
                await ShowAsync(pid, interval, count, rows, following, () => WritePlain(rows, isJson), ended.Token);
            }
            else
            {
                await CommandBase.Terminal.Live(Render(rows)).AutoClear(false).StartAsync(context => ShowAsync(
                    pid, interval, count, rows, following, () => context.UpdateTarget(Render(rows)), ended.Token));
            }
        }
        catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
        {
            // Ctrl-C is how a live table ends.
        }
        finally
        {
            await ended.CancelAsync();
            await Task.WhenAll(following.Values.Select(IgnoreEndAsync));
        }
    }

    private static async Task ShowAsync(
        int? pid, TimeSpan interval, int count, ConcurrentDictionary<int, TopRow> rows,
        ConcurrentDictionary<int, Task> following, Action show, CancellationToken cancelled)
    {
        for (int reading = 0; count == 0 || reading < count; reading++)
        {
            if (pid is null)
            {
                FollowAll(interval, rows, following, cancelled);
            }
            else if (following[pid.Value] is { IsCompleted: true } done)
            {
                await done;
            }

            await Task.Delay(interval, cancelled);
            show();
        }
    }

    // Follows each process that may use the library and is not followed yet, or not any more. A process may load the
    // library later, or answer later.
    private static void FollowAll(
        TimeSpan interval, ConcurrentDictionary<int, TopRow> rows, ConcurrentDictionary<int, Task> following,
        CancellationToken cancelled)
    {
        foreach ((int id, Task done) in following.Where(each => each.Value.IsCompleted))
        {
            following.TryRemove(new(id, done));
        }

        foreach (Target target in Target.FindAll().Where(target => !following.ContainsKey(target.Id)))
        {
            if (target is { HasLibrary: not false, Library: not { AnswersRequests: false } })
            {
                following[target.Id] = FollowWithPauseAsync(target, interval, rows, cancelled);
            }
        }
    }

    // One whose files do not tell whether it has the library is not woken.
    private static async Task FollowWithPauseAsync(
        Target target, TimeSpan interval, ConcurrentDictionary<int, TopRow> rows, CancellationToken cancelled)
    {
        try
        {
            await FollowAsync(target, interval, rows, mayWake: target.HasLibrary == true, cancelled);
        }
        catch (ToolException failure) when (failure.Error != ToolError.ProcessEnded)
        {
            await Task.Delay(s_pause, cancelled);
        }
    }

    // Keeps the row of a process current until it ends.
    private static async Task FollowAsync(
        Target target, TimeSpan interval, ConcurrentDictionary<int, TopRow> rows, bool mayWake,
        CancellationToken cancelled)
    {
        try
        {
            while (true)
            {
                await WatchAsync(target, interval, rows, mayWake, cancelled);
                await Task.Delay(interval, cancelled);
            }
        }
        finally
        {
            rows.TryRemove(target.Id, out _);
        }
    }

    // Returns where a process ends the session because it cannot see this one, after answers: then it is asked again.
    private static async Task WatchAsync(
        Target target, TimeSpan interval, ConcurrentDictionary<int, TopRow> rows, bool mayWake,
        CancellationToken cancelled)
    {
        Request request = Request.Of("watch", ("IntervalMs", (long)interval.TotalMilliseconds));
        await using Exchange exchange =
            await Exchange.StartAsync(target, request, s_timeout + interval, null, mayWake, cancelled);
        bool hasAnswered = false;
        try
        {
            while (true)
            {
                StatisticsAnswer answer = AnswerReader.Read<StatisticsAnswer>(await exchange.NextAsync(cancelled));
                hasAnswered = true;
                rows.AddOrUpdate(
                    target.Id, _ => new TopRow(target.Id, target.Name, answer, null),
                    (_, before) => before with { Now = answer, Before = before.Now });
            }
        }
        catch (ToolException failure) when (hasAnswered && failure.Refusal == ToolException.ClientUnseen)
        {
            // A session of this kind lasts a minute.
        }
    }

    // What ended a session: the table, or the process, whose row is gone then.
    private static async Task IgnoreEndAsync(Task following)
    {
        try
        {
            await following;
        }
        catch (Exception failure) when (failure is OperationCanceledException or ToolException)
        {
        }
    }

    private static void WritePlain(ConcurrentDictionary<int, TopRow> rows, bool isJson)
    {
        if (isJson)
        {
            var line = rows.Values.OrderBy(row => row.Pid).Select(row => new { row.Pid, row.Name, row.Now.Heaps });
            Console.Out.WriteLine(JsonSerializer.Serialize(line, CommandBase.JsonLine));
        }
        else
        {
            CommandBase.Terminal.Write(Render(rows));
        }
    }

    private static IRenderable Render(ConcurrentDictionary<int, TopRow> rows)
    {
        Table table = Texts.NewTable(
            ">pid", "process", "heap", ">live", ">change", ">blocks", ">cached", ">dirty", ">live/dirty", ">committed",
            ">refused");
        foreach (TopRow row in rows.Values.OrderBy(row => row.Pid))
        {
            foreach (HeapAnswer heap in row.Now.Heaps)
            {
                HeapAnswer? before = row.Before?.Heaps.FirstOrDefault(other => other.Slot == heap.Slot);
                table.AddTextRow(
                    $"{row.Pid}", row.Name, heap.Name, Texts.Bytes(heap.LiveBytes),
                    before is null ? "" : Texts.Bytes(heap.LiveBytes - before.LiveBytes), Texts.Count(heap.LiveBlocks),
                    Texts.Bytes(heap.CachedBytes), Texts.Bytes(heap.DirtyBytes), Texts.Share(heap.LiveOverDirty),
                    Texts.Bytes(heap.CommittedBytes), Texts.Count(heap.RefusedAllocations));
            }
        }

        return rows.IsEmpty ? new Text("No process has sent figures yet.\n") : table;
    }

    private sealed record TopRow(int Pid, string Name, StatisticsAnswer Now, StatisticsAnswer? Before);
}
