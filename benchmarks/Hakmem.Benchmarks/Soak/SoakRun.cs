using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.Benchmarks.Soak;

/// <summary>
/// Several kinds of load on the shared heap at once, for as long as asked, and what must hold all along: every block keeps what was
/// written to it, the heap's statistics are what the loads hold to the byte, memory beyond the live blocks does not grow.
/// </summary>
internal sealed class SoakRun : IDisposable
{
    private const int SlotLoads = 3;
    private const int SharedSlots = 400;
    private const int Requests = 32;
    private static readonly TimeSpan s_samplePeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_checkPeriod = TimeSpan.FromSeconds(5);

    private readonly TimeSpan _duration;
    private readonly Action<SoakSample> _onSample;
    private readonly SoakGate _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly SoakHeap _heap = new("shared heap", HakmemAllocator.Shared);
    private readonly FaultsLoad _faults;
    private readonly List<SoakLoad> _loads = [];
    private readonly SoakResidency _residency;
    private readonly Stopwatch _clock = new();
    private int _checks;

    /// <summary>Prepares a run.</summary>
    /// <param name="duration">How long it shall last.</param>
    /// <param name="seed">What the random numbers start from.</param>
    /// <param name="onSample">Told the state every second.</param>
    public SoakRun(TimeSpan duration, int seed, Action<SoakSample> onSample)
    {
        _duration = duration;
        _onSample = onSample;
        _residency = new SoakResidency(duration);
        Random seeds = new(seed);
        SoakBlock?[] shared = new SoakBlock?[SharedSlots];
        for (int i = 0; i < SlotLoads; i++)
        {
            _loads.Add(new SlotsLoad($"slots {i + 1}", _gate, seeds.Next(), _heap, shared));
        }

        _loads.Add(new RequestsLoad("requests", _gate, seeds.Next(), _heap, Requests));
        _loads.Add(new LargeBlocksLoad("large blocks", _gate, seeds.Next(), _heap));
        _loads.Add(new HeapsLoad("isolated heaps", _gate, seeds.Next()));
        _loads.Add(new ThreadChurnLoad("thread churn", _gate, seeds.Next(), _heap));
        _loads.Add(new TrimLoad("trims", _gate, seeds.Next(), _heap));
        _faults = new FaultsLoad("refused calls", _gate, seeds.Next());
        _loads.Add(_faults);
    }

    /// <summary>Where the run stands.</summary>
    public SoakSample Sample() => new(
        _clock.Elapsed,
        [.. _loads.Select(load => (load.Name, load.Steps))],
        _heap.LiveBytes,
        HakmemAllocator.Shared.GetStatistics().CommittedBytes,
        ProcessFigures.ResidentBytes,
        _residency.Latest,
        _checks,
        _faults.Refusals,
        _faults.Failures + _heap.Failures);

    /// <summary>Runs to the end.</summary>
    /// <exception cref="SoakFailedException">Something did not hold.</exception>
    /// <exception cref="HakmemCorruptionException">The heap found a pointer bad that was good.</exception>
    public void Run()
    {
        _clock.Start();
        Task[] running = [.. _loads.Select(load => load.RunAsync(_stop.Token))];
        try
        {
            TimeSpan nextCheck = s_checkPeriod;
            while (_clock.Elapsed < _duration && !running.Any(task => task.IsFaulted))
            {
                Task.WaitAny([.. running], s_samplePeriod);
                if (_clock.Elapsed >= nextCheck)
                {
                    nextCheck += s_checkPeriod;
                    _gate.WhileAllStand(Check);
                }

                _onSample(Sample());
            }
        }
        finally
        {
            _stop.Cancel();
        }

        Task.WhenAll(running).GetAwaiter().GetResult();
        Check();
        if (_heap.LiveBlocks != 0)
        {
            throw new SoakFailedException($"{_heap.LiveBlocks} blocks are live at the end.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gate.Dispose();
        _stop.Dispose();
    }

    private void Check()
    {
        _heap.Check();
        _loads.ForEach(load => load.Check());
        GC.Collect();
        _heap.Heap.Trim();
        _heap.Check();
        _residency.Add(_clock.Elapsed, ProcessFigures.ResidentBytes - _heap.LiveBytes - _loads.Sum(load => load.LiveBytes));
        _checks++;
    }
}
