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

        // Between the count and the end of its life a thread waits once, for this: a lock of the framework's, which the
        // slim kinds have, would make it seem idle while it is about to run.
        int done = 0;
        using ManualResetEvent release = new(initialState: whileIdle is null);
        List<Thread> threads = [];
        for (int i = 0; i < count; i++)
        {
            int index = i;
            threads.Add(new Thread(() =>
            {
                RunBody(() => body(index), failures);
                Interlocked.Increment(ref done);
                release.WaitOne();
            })
            {
                IsBackground = true,
            });
        }

        threads.ForEach(thread => thread.Start());
        try
        {
            if (whileIdle is not null)
            {
                Assert.True(
                    SpinWait.SpinUntil(
                        () => Volatile.Read(ref done) == count && threads.TrueForAll(IsWaiting), s_deadlock),
                    $"The worker threads did not wait within {s_deadlock}.");
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

    private static void RunBody(Action body, ConcurrentQueue<Exception> failures)
    {
        try
        {
            body();
        }
        catch (Exception failure)
        {
            failures.Enqueue(failure);
        }
    }
}
