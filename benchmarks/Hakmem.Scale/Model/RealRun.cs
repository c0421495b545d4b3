using System;
using System.Diagnostics;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Benchmarks.Workloads;
using Hakmem.Records;

namespace Hakmem.Scale.Model;

/// <summary>
/// The same scenarios on threads of the system, over the same exchange: what the model is compared with. One thread
/// takes both sides of a hand-over by turns.
/// </summary>
internal sealed unsafe class RealRun
{
    private const int Rounds = 8;
    private const int TablesInFlight = 8;
    private const long SlowdownBlocks = 200_000;
    private const int SlowdownRounds = 3;

    // A number of the ring has a pair of cache lines of its own.
    private const int Stride = 16;

    private readonly Scenario _scenario;
    private readonly ExchangeLayer _layer;
    private readonly int _threads;
    private readonly long _tables;
    private readonly int _spinsOfWork;

    private RealRun(Scenario scenario, ExchangeLayer layer, int threads, long tables, int spinsOfWork)
    {
        _scenario = scenario;
        _layer = layer;
        _threads = threads;
        _tables = tables;
        _spinsOfWork = spinsOfWork;
    }

    /// <summary>Measures: the fastest of several rounds, in millions of blocks a second.</summary>
    /// <param name="scenario">What the threads do.</param>
    /// <param name="threads">How many there are: 1 or, in a hand-over, an even number.</param>
    /// <param name="blocks">Blocks of each thread, or of each pair, in a round.</param>
    public static double Measure(Scenario scenario, int threads, long blocks)
    {
        using ExchangeLayer layer = new(scenario.BlockBytes, scenario.ThreadsOn(threads));
        int spins = scenario.WorkNanoseconds == 0 ? 0 : SpinsFor(scenario.WorkNanoseconds);
        RealRun run = new(scenario, layer, threads, blocks / scenario.TableBlocks, spins);
        return run.Run();
    }

    /// <summary>
    /// How many times longer fast paths alone take when so many threads run them: processors may share a core.
    /// </summary>
    public static double MeasureSlowdown(int threads)
    {
        Scenario fast = new() { Name = "fast", BlockBytes = 64, TableBlocks = 32, IsHandOver = false };
        double[] ratios = [.. Enumerable.Range(0, SlowdownRounds)
            .Select(_ => threads * Measure(fast, 1, SlowdownBlocks) / Measure(fast, threads, SlowdownBlocks))
            .Order()];
        return Math.Max(1, ratios[SlowdownRounds / 2]);
    }

    private double Run()
    {
        int sides = _scenario.ThreadsOn(_threads);
        nint[] caches =
            [.. Enumerable.Range(0, sides).Select(i => (nint)_layer.NewCache(_scenario.NumberOf(i, sides)))];
        long blocks = _tables * _scenario.TableBlocks * (_scenario.IsHandOver ? sides / 2 : sides);
        double best = 0;
        for (int round = 0; round <= Rounds; round++)
        {
            double seconds = RunRound(caches);
            best = round == 0 ? 0 : Math.Max(best, blocks / seconds / 1e6);
        }

        return best;
    }

    private double RunRound(nint[] caches)
    {
        long start = 0;
        using (Barrier begin = new(_threads, _ => start = Stopwatch.GetTimestamp()))
        {
            Ring[] rings = [.. caches.Select(_ => new Ring(_scenario.TableBlocks))];
            Crew.Run(_threads, index =>
            {
                begin.SignalAndWait();
                ThreadCache* cache = (ThreadCache*)caches[index];
                if (!_scenario.IsHandOver)
                {
                    UseOwn(cache, (ulong)index);
                }
                else if (_threads == 1)
                {
                    TakeTurns(cache, (ThreadCache*)caches[1]);
                }
                else if (index % 2 == 0)
                {
                    Produce(cache, rings[index]);
                }
                else
                {
                    Consume(cache, rings[index - 1]);
                }
            });
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private void UseOwn(ThreadCache* cache, ulong seed)
    {
        nint[] table = new nint[_scenario.TableBlocks];
        Xorshift random = new(seed);
        long left = _tables * _scenario.TableBlocks;
        while (left > 0)
        {
            int length = (int)Math.Min(left, _scenario.NextLength(ref random));
            Allocate(cache, table.AsSpan(0, length));
            Free(cache, table.AsSpan(0, length));
            left -= length;
        }
    }

    private void TakeTurns(ThreadCache* producer, ThreadCache* consumer)
    {
        nint[] table = new nint[_scenario.TableBlocks];
        for (long i = 0; i < _tables; i++)
        {
            Allocate(producer, table);
            Free(consumer, table);
        }
    }

    private void Produce(ThreadCache* cache, Ring ring)
    {
        for (long i = 0; i < _tables; i++)
        {
            while (i - Volatile.Read(ref ring.Numbers[Stride]) >= TablesInFlight)
            {
                Thread.SpinWait(1);
            }

            Allocate(cache, ring.Tables[i % ring.Tables.Length]);
            Volatile.Write(ref ring.Numbers[2 * Stride], i + 1);
        }
    }

    private void Consume(ThreadCache* cache, Ring ring)
    {
        for (long i = 0; i < _tables; i++)
        {
            while (Volatile.Read(ref ring.Numbers[2 * Stride]) <= i)
            {
                Thread.SpinWait(1);
            }

            Free(cache, ring.Tables[i % ring.Tables.Length]);
            Volatile.Write(ref ring.Numbers[Stride], i + 1);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Allocate(ThreadCache* cache, Span<nint> table)
    {
        for (int i = 0; i < table.Length; i++)
        {
            void* block = _layer.TryTake(cache);
            table[i] = (nint)(block == null ? _layer.TakeSlow(cache) : block);
            if (_spinsOfWork > 0)
            {
                Work(_spinsOfWork);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Free(ThreadCache* cache, Span<nint> table)
    {
        for (int i = 0; i < table.Length; i++)
        {
            if (!ExchangeLayer.TryPut(cache, (void*)table[i]))
            {
                _layer.PutSlow(cache, (void*)table[i]);
            }

            if (_spinsOfWork > 0)
            {
                Work(_spinsOfWork);
            }
        }
    }

    // Work that needs nothing but the processor.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Work(int steps)
    {
        Xorshift random = new((ulong)steps);
        ulong last = 0;
        for (int i = 0; i < steps; i++)
        {
            last = random.Next();
        }

        return last;
    }

    private static int SpinsFor(int nanoseconds)
    {
        const int Steps = 100_000;
        double fastest = double.MaxValue;
        for (int round = 0; round < 50; round++)
        {
            long start = Stopwatch.GetTimestamp();
            Work(Steps);
            fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }

        return (int)Math.Round(nanoseconds * Steps / fastest);
    }

    // The tables between a producer and a consumer: how many were passed, and how many came back.
    private sealed class Ring
    {
        public Ring(int tableBlocks)
        {
            for (int i = 0; i < Tables.Length; i++)
            {
                Tables[i] = new nint[tableBlocks];
            }
        }

        public nint[][] Tables { get; } = new nint[TablesInFlight][];

        public long[] Numbers { get; } = new long[4 * Stride];
    }
}
