using System;
using System.Collections.Concurrent;
using System.Threading;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Real threads that end: every allocator here keeps something per thread, and pool threads would never show what becomes of it.
/// A failure on any of them is kept for whoever waits, for an exception that leaves a thread ends the process.
/// </summary>
internal sealed class Crew : IDisposable
{
    private readonly ConcurrentQueue<Exception> _failures = new();
    private readonly CountdownEvent _running = new(1);

    /// <summary>Runs one piece of work on each of several new threads and waits for the threads to end.</summary>
    public static void Run(int threadCount, Action<int> work)
    {
        using Crew crew = new();
        Thread[] threads = new Thread[threadCount];
        for (int i = 0; i < threadCount; i++)
        {
            int index = i;
            threads[i] = crew.Start(() => work(index));
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        crew.Wait();
    }

    /// <summary>Starts a thread. Work that is running may start its own successor.</summary>
    public Thread Start(Action work)
    {
        _running.AddCount();
        Thread thread = new(() => Guard(work)) { IsBackground = true };
        thread.Start();
        return thread;
    }

    /// <summary>Waits until all work is done, successors included.</summary>
    /// <exception cref="AggregateException">Some of it failed.</exception>
    public void Wait()
    {
        _running.Signal();
        _running.Wait();
        if (!_failures.IsEmpty)
        {
            throw new AggregateException(_failures);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _running.Dispose();

    private void Guard(Action work)
    {
        try
        {
            work();
        }
#pragma warning disable CA1031 // Whatever it is, it is rethrown where the crew is waited for.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _failures.Enqueue(failure);
        }
        finally
        {
            _running.Signal();
        }
    }
}
