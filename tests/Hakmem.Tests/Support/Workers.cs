using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;

namespace Hakmem.Tests.Support;

// Real threads rather than pool threads, since what matters is whether a thread is alive: after Run, all of them are dead.
internal static class Workers
{
    // Far beyond what any test takes: only a deadlock gets there.
    private static readonly TimeSpan s_deadlock = TimeSpan.FromMinutes(2);

    public static void Run(int count, Action<int> body)
    {
        ConcurrentQueue<Exception> failures = new();
        List<Thread> threads = [];
        for (int i = 0; i < count; i++)
        {
            int index = i;
            Thread thread = new(() =>
            {
                try
                {
                    body(index);
                }
                catch (Exception failure)
                {
                    failures.Enqueue(failure);
                }
            })
            {
                IsBackground = true,
            };
            threads.Add(thread);
        }

        threads.ForEach(thread => thread.Start());
        foreach (Thread thread in threads)
        {
            if (!thread.Join(s_deadlock))
            {
                throw new TimeoutException($"A worker thread did not finish within {s_deadlock}.");
            }
        }

        if (!failures.IsEmpty)
        {
            throw new AggregateException(failures);
        }
    }

    public static void RunOne(Action body) => Run(1, _ => body());
}
