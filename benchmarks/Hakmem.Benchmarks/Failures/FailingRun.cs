using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Benchmarks.Failures;

/// <summary>
/// A heap at its limit: one thread allocates and frees what it may, beside idle ones that hold the rest, while another's requests fail in a
/// loop, by turns with times in which nothing fails. A pair of such times is a sample, and the median of the samples' ratios the answer. The
/// neighbour's speed leaves out the time that its thread waited for a processor, so that what else the machine does is not in it; what it waits for
/// locks is.
/// </summary>
internal sealed unsafe partial class FailingRun(int threads, nuint failingBytes, int samples) : IDisposable
{
    private const long MaxBytes = 64L << 20;
    private const int SampleMs = 200;
    private const int Slots = 1_024;
    private const int BlocksAtATime = 1_024;

    private readonly HakmemAllocator _heap = new(new HakmemOptions { MaxBytes = MaxBytes });
    private volatile bool _isFailing;
    private volatile bool _isOver;
    private long _turns;
    private volatile int _neighbour;
    private long _failures;
    private long _failingTicks;
    private long _worstTicks;

    /// <summary>Runs it.</summary>
    /// <returns>The neighbour's speed beside failing requests, as a part of its speed alone, and what one of these took.</returns>
    public (double Speed, double MeanMicroseconds, double WorstMicroseconds) Run()
    {
        using CountdownEvent isReady = new(threads - 1);
        using ManualResetEventSlim isOver = new(false, spinCount: 0);
        List<Thread> all = [];
        for (int i = 2; i < threads; i++)
        {
            all.Add(Start(() =>
            {
                UseSomeOfEach();
                isReady.Signal();
                isOver.Wait();
            }));
        }

        all.Add(Start(() =>
        {
            _neighbour = gettid();
            void*[] table = NewTable();
            Fill();
            isReady.Signal();
            Churn(table);
        }));
        isReady.Wait();
        Thread failing = Start(Fail);
        List<double> speeds = [];
        for (int sample = 0; sample < samples; sample++)
        {
            double alone = TurnsPerNs(isFailing: false);
            speeds.Add(TurnsPerNs(isFailing: true) / alone);
        }

        _isOver = true;
        isOver.Set();
        all.ForEach(thread => thread.Join());
        failing.Join();
        speeds.Sort();
        double perMicrosecond = Stopwatch.Frequency / 1e6;
        return (speeds[speeds.Count / 2], _failingTicks / perMicrosecond / Math.Max(1, _failures), _worstTicks / perMicrosecond);
    }

    [LibraryImport("libc")]
    private static partial int gettid();

    /// <summary>Gives the heap's memory back.</summary>
    public void Dispose() => _heap.Dispose();

    private static Thread Start(ThreadStart body)
    {
        Thread thread = new(body) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private double TurnsPerNs(bool isFailing)
    {
        _isFailing = isFailing;
        long before = Volatile.Read(ref _turns);
        long begin = NeighbourNs();
        long after;
        do
        {
            Thread.Sleep(SampleMs);
            after = Volatile.Read(ref _turns);
        }
        while (after == before);
        return (after - before) / (double)(NeighbourNs() - begin);
    }

    // Time that passes, less what the neighbour is kept waiting for a processor: the second word of the file.
    private long NeighbourNs()
    {
        string[] words = File.ReadAllText($"/proc/self/task/{_neighbour}/schedstat").Split(' ');
        long now = (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
        return now - long.Parse(words[1], CultureInfo.InvariantCulture);
    }

    private void UseSomeOfEach()
    {
        for (nuint size = 16; size <= 4_096; size *= 2)
        {
            void* block = _heap.Alloc(size);
            _heap.Free(_heap.Alloc(size));
            _ = block;
        }
    }

    private static nuint SizeOf(Random random) => (nuint)(16 << random.Next(7)) + (nuint)random.Next(16);

    private void*[] NewTable()
    {
        void*[] table = new void*[Slots];
        Random random = new(1);
        for (int i = 0; i < Slots; i++)
        {
            table[i] = _heap.Alloc(SizeOf(random));
        }

        return table;
    }

    // The neighbour has free blocks in the spans of its own sizes, and nobody else has any.
    private void Fill()
    {
        while (_heap.TryAlloc(64 << 10, out _))
        {
        }
    }

    // Random blocks out, others in: as much is live all the time, give or take.
    private void Churn(void*[] table)
    {
        Random random = new(2);
        int[] places = new int[4_096];
        nuint[] sizes = new nuint[4_096];
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = random.Next(Slots);
            sizes[i] = SizeOf(random);
        }

        int next = 0;
        while (!_isOver)
        {
            for (int i = 0; i < BlocksAtATime; i++)
            {
                next = (next + 1) & (places.Length - 1);
                int place = places[next];
                _heap.Free(table[place]);
                if (!_heap.TryAlloc(sizes[next], out table[place]))
                {
                    table[place] = null;
                }
            }

            Volatile.Write(ref _turns, _turns + BlocksAtATime);
        }
    }

    private void Fail()
    {
        while (!_isOver)
        {
            if (!_isFailing)
            {
                Thread.SpinWait(1_000);
                continue;
            }

            long begin = Stopwatch.GetTimestamp();
            if (_heap.TryAlloc(failingBytes, out void* block))
            {
                _heap.Free(block);
            }

            long ticks = Stopwatch.GetTimestamp() - begin;
            _failures++;
            _failingTicks += ticks;
            _worstTicks = Math.Max(_worstTicks, ticks);
        }
    }
}
