using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Hakmem.Os;

namespace Hakmem.Scale.Model;

/// <summary>The model of an allocator with one queue of free blocks under one lock, which every call takes.</summary>
internal static class SingleQueue
{
    private const string Kind = "one lock";
    private const int Rounds = 200;
    private const int CallsPerRound = 10_000;
    private const int CallsPerProcessor = 400;

    /// <summary>What a call takes on one thread: lock, take or put, unlock.</summary>
    public static double MeasureNanoseconds()
    {
        UninterruptibleLock queueLock = new();
        Stack<int> queue = new(Enumerable.Range(0, 64));
        List<double> samples = [];
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < CallsPerRound; i += 2)
            {
                int block;
                using (queueLock.Enter())
                {
                    block = queue.Pop();
                }

                using (queueLock.Enter())
                {
                    queue.Push(block);
                }
            }

            samples.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds / CallsPerRound);
        }

        samples.Sort();
        return samples[samples.Count / 2];
    }

    /// <summary>Simulates so many processors that do nothing but calls: millions of calls a second.</summary>
    public static double Run(int processors, double callNanoseconds, Assumptions assumptions)
    {
        VirtualLock one = new(Kind, lines: 1, WaitKind.TryAgain);
        PriorityQueue<int, double> ready = new();
        for (int i = 0; i < processors; i++)
        {
            ready.Enqueue(i, i);
        }

        double end = 0;
        for (long call = 0; call < (long)CallsPerProcessor * processors; call++)
        {
            ready.TryDequeue(out int processor, out double now);
            end = one.Use(now, callNanoseconds, processor, assumptions, horizon: now) + callNanoseconds;
            ready.Enqueue(processor, end);
        }

        return CallsPerProcessor * processors / end * 1000;
    }
}
