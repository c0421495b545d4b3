using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Commands;

// The figures of the processes that `top` shows. Each process has one session, which sends statistics at the interval
// until it is closed.
internal sealed class TopFeed(TimeSpan interval, TimeSpan timeout)
{
    // How long a process that gave no answer is left alone.
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(0.05);

    private readonly ConcurrentDictionary<int, TopRow> _rows = new();
    private readonly ConcurrentDictionary<int, Task> _following = new();

    public IReadOnlyList<TopRow> Rows => [.. _rows.Values.OrderBy(row => row.Pid)];

    public void Follow(Target target, CancellationToken cancelled) =>
        _following[target.Id] = FollowAsync(target, mayWake: true, cancelled);

    // Follows each process that may use the library and is not followed yet, or not any more. A process may load the
    // library later, or answer later.
    public void FollowAll(CancellationToken cancelled)
    {
        foreach ((int id, Task done) in _following.Where(each => each.Value.IsCompleted))
        {
            _following.TryRemove(new(id, done));
        }

        foreach (Target target in Target.FindAll().Where(target => !_following.ContainsKey(target.Id)))
        {
            if (target is { HasLibrary: not false, Library: not { AnswersRequests: false } })
            {
                _following[target.Id] = FollowWithPauseAsync(target, cancelled);
            }
        }
    }

    // Until there are figures. Of one process they come, or it is said why not; all may have none.
    public async Task WaitForFiguresAsync(int? pid, CancellationToken cancelled)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (_rows.IsEmpty && (pid is not null || (!_following.IsEmpty && Environment.TickCount64 < end)))
        {
            await WaitAsync(pid, s_look, cancelled);
        }
    }

    // Waits for so long. Throws ToolException as soon as the one process gives no figures any more.
    public async Task WaitAsync(int? pid, TimeSpan time, CancellationToken cancelled)
    {
        Task over = Task.Delay(time, cancelled);
        if (pid is { } one)
        {
            await await Task.WhenAny(_following[one], over);
        }

        await over;
    }

    public Task EndAsync() => Task.WhenAll(_following.Values.Select(IgnoreEndAsync));

    // What ended a session: the table, or the process, whose row is gone then.
    public static async Task IgnoreEndAsync(Task following)
    {
        try
        {
            await following;
        }
        catch (Exception failure) when (failure is OperationCanceledException or ToolException)
        {
        }
    }

    // One whose files do not tell whether it has the library is not woken.
    private async Task FollowWithPauseAsync(Target target, CancellationToken cancelled)
    {
        try
        {
            await FollowAsync(target, mayWake: target.HasLibrary == true, cancelled);
        }
        catch (ToolException failure) when (failure.Error != ToolError.ProcessEnded)
        {
            await Task.Delay(s_pause, cancelled);
        }
    }

    // Keeps the row of a process current until it ends.
    private async Task FollowAsync(Target target, bool mayWake, CancellationToken cancelled)
    {
        try
        {
            while (true)
            {
                await WatchAsync(target, mayWake, cancelled);
                await Task.Delay(interval, cancelled);
            }
        }
        finally
        {
            _rows.TryRemove(target.Id, out _);
        }
    }

    // Returns where a process ends the session because it cannot see this one, after answers: then it is asked again.
    private async Task WatchAsync(Target target, bool mayWake, CancellationToken cancelled)
    {
        Request request = Request.Of("watch", ("IntervalMs", (long)interval.TotalMilliseconds));
        await using Exchange exchange =
            await Exchange.StartAsync(target, request, timeout + interval, null, mayWake, cancelled);
        bool hasAnswered = false;
        try
        {
            while (true)
            {
                StatisticsAnswer answer = AnswerReader.Read<StatisticsAnswer>(await exchange.NextAsync(cancelled));
                hasAnswered = true;
                _rows.AddOrUpdate(
                    target.Id, _ => new TopRow(target.Id, target.Name, answer, null),
                    (_, before) => before with { Now = answer, Before = before.Now });
            }
        }
        catch (ToolException failure) when (hasAnswered && failure.Refusal == ToolException.ClientUnseen)
        {
            // A session of this kind lasts a minute.
        }
    }
}

internal sealed record TopRow(int Pid, string Name, StatisticsAnswer Now, StatisticsAnswer? Before);
