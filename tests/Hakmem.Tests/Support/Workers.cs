using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using Xunit;

namespace Hakmem.Tests.Support;

// Real threads rather than pool threads, since what matters is whether a thread is alive: when a method here returns, all are dead.
internal static class Workers
{
    // Far beyond what any test takes: only a deadlock gets there.
    private static readonly TimeSpan s_deadlock = TimeSpan.FromMinutes(2);

    public static void RunOne(Action body) => Run(1, _ => body());

    public static void Run(int count, Action<int> body) => RunAndHold(count, body, whileIdle: null);

    // Keeps the threads alive and idle after the body, while the calling thread does something: they wait, as the runtime says of them.
    public static void RunAndHold(int count, Action<int> body, Action? whileIdle)
    {
        ConcurrentQueue<Exception> failures = new();
        using CountdownEvent idle = new(count);
        using ManualResetEventSlim release = new(initialState: whileIdle is null, spinCount: 0);
        List<Thread> threads = [];
        for (int i = 0; i < count; i++)
        {
            int index = i;
            threads.Add(new Thread(() => RunThread(() => body(index), failures, idle, release)) { IsBackground = true });
        }

        threads.ForEach(thread => thread.Start());
        try
        {
            if (whileIdle is not null)
            {
                Assert.True(idle.Wait(s_deadlock, CancellationToken.None), $"The worker threads were not done within {s_deadlock}.");
                Assert.True(
                    SpinWait.SpinUntil(() => threads.TrueForAll(IsWaiting), s_deadlock), $"The worker threads did not wait within {s_deadlock}.");
                whileIdle();
            }
        }
        finally
        {
            release.Set();
            threads.ForEach(thread => Assert.True(thread.Join(s_deadlock), $"A worker thread did not end within {s_deadlock}."));
        }

        if (!failures.IsEmpty)
        {
            throw new AggregateException(failures);
        }
    }

    private static bool IsWaiting(Thread thread) => (thread.ThreadState & ThreadState.WaitSleepJoin) != 0;

    private static void RunThread(Action body, ConcurrentQueue<Exception> failures, CountdownEvent idle, ManualResetEventSlim release)
    {
        try
        {
            body();
        }
        catch (Exception failure)
        {
            failures.Enqueue(failure);
        }

        idle.Signal();
        release.Wait();
    }
}
