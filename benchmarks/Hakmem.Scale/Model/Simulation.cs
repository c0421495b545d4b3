using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Hakmem.Scale.Counts;

namespace Hakmem.Scale.Model;

/// <summary>
/// Runs a scenario on any number of virtual processors, by the library's own code on one thread of the system: fast
/// paths advance the clock of their processor, and of a slow path each lock is taken when it is free in virtual time.
/// </summary>
internal sealed unsafe class Simulation
{
    /// <summary>The part that is one fast path of an allocation.</summary>
    public const string FastTake = "fast take";

    /// <summary>The part that is one fast path of a free.</summary>
    public const string FastPut = "fast put";

    private const int SlotsPerLine = 8;

    // A shorter run tells too little about one call.
    private const int LeastTimedRun = 16;

    // What an interlocked operation keeps its line for.
    private const double WordNanoseconds = 5;

    // What a part may take: longer ones were interrupted.
    private const double MostNanoseconds = 20_000;

    private readonly Scenario _scenario;
    private readonly Assumptions _assumptions;
    private readonly CostTable _costs;
    private readonly SlowPathRecorder _recorder;
    private readonly ExchangeLayer _layer;
    private readonly bool _isLearning;
    private readonly bool _sharesProcessor;
    private readonly int _processors;
    private readonly Dictionary<object, VirtualLock> _locks = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<nint, int> _magazineUsers = [];
    private readonly PriorityQueue<VirtualThread, double> _ready = new();
    private double _start;
    private double _end;
    private long _frees;
    private long _learntPaths;

    private Simulation(
        Scenario scenario, int processors, Assumptions assumptions, CostTable costs, SlowPathRecorder recorder,
        ExchangeLayer layer, bool isLearning)
    {
        _scenario = scenario;
        _processors = processors;
        _assumptions = assumptions;
        _costs = costs;
        _recorder = recorder;
        _layer = layer;
        _isLearning = isLearning;
        _sharesProcessor = scenario.ThreadsOn(processors) > processors;
    }

    /// <summary>Times the parts of the paths that a table does not have yet.</summary>
    public static CostTable Learn(
        Scenario scenario, int processors, Assumptions assumptions, CostTable known, double nanoseconds)
    {
        RunOnce(scenario, processors, assumptions, known, nanoseconds, isLearning: true);
        return known.Complete();
    }

    /// <summary>Simulates.</summary>
    /// <param name="scenario">What the threads do.</param>
    /// <param name="processors">How many processors there are.</param>
    /// <param name="assumptions">What is not measured.</param>
    /// <param name="costs">What is.</param>
    /// <param name="nanoseconds">Virtual time; the first half warms up.</param>
    public static ModelPoint Run(
        Scenario scenario, int processors, Assumptions assumptions, CostTable costs, double nanoseconds) =>
        RunOnce(scenario, processors, assumptions, costs, nanoseconds, isLearning: false);

    private static ModelPoint RunOnce(
        Scenario scenario, int processors, Assumptions assumptions, CostTable costs, double nanoseconds,
        bool isLearning)
    {
        using ExchangeLayer layer = new(scenario.BlockBytes, scenario.ThreadsOn(processors));
        Simulation simulation = new(
            scenario, processors, assumptions, costs, new SlowPathRecorder(), layer, isLearning);
        return simulation.Run(nanoseconds);
    }

    private ModelPoint Run(double nanoseconds)
    {
        _end = nanoseconds;
        _start = nanoseconds / 2;
        VirtualProcessor[] processors =
            [.. Enumerable.Range(0, _processors).Select(number => new VirtualProcessor(number))];
        int threads = _scenario.ThreadsOn(_processors);
        VirtualThread? producer = null;
        for (int i = 0; i < threads; i++)
        {
            VirtualThread thread = new(
                _layer, _scenario, _scenario.NumberOf(i, threads), processors[i % _processors],
                _scenario.IsHandOver && i % 2 == 1 ? producer : null);
            producer = thread;
            _ready.Enqueue(thread, 0);
        }

        while (_ready.TryDequeue(out VirtualThread? thread, out double time) && time < _end)
        {
            Step(thread);
        }

        double seconds = (_end - _start) / 1e9;
        double all = (_end - _start) * _processors;
        return new ModelPoint
        {
            Scenario = _scenario.Name,
            Processors = _processors,
            MillionsPerSecond = _frees / seconds / 1e6,
            WaitedPercent = _locks.Values
                .GroupBy(used => used.Kind)
                .Select(kind => (kind.Key, Percent: 100 * kind.Sum(used => used.WaitedNanoseconds) / all))
                .Where(kind => kind.Percent >= 0.05)
                .ToDictionary(kind => kind.Key, kind => Math.Round(kind.Percent, 2)),
        };
    }

    // Does what the thread came to, then runs its fast paths up to what comes next.
    private void Step(VirtualThread thread)
    {
        switch (thread.Next)
        {
            case Interaction.TakeSlow:
            case Interaction.PutSlow:
                DoSlow(thread);
                break;
            case Interaction.Pass when thread.Partner!.Waiting == VirtualThread.TablesInFlight:
            case Interaction.Receive when thread.Waiting == 0:
                thread.IsBlocked = true;
                return;
            case Interaction.Pass:
                thread.Processor.Clock += TableTransfer;
                thread.Partner!.Waiting++;
                thread.BeginTable();
                Wake(thread.Partner, thread.Processor.Clock);
                break;
            case Interaction.Receive:
                thread.Processor.Clock += TableTransfer;
                thread.BeginTable();
                thread.Waiting--;
                Wake(thread.Partner!, thread.Processor.Clock);
                break;
            case Interaction.None:
                break;
        }

        RunFast(thread);
        _ready.Enqueue(thread, thread.Processor.Clock);
    }

    // The index of the tables in flight, which one side writes and the other reads.
    private double TableTransfer => _sharesProcessor ? 0 : _assumptions.TransferNanoseconds;

    private void Wake(VirtualThread thread, double now)
    {
        if (thread.IsBlocked)
        {
            thread.IsBlocked = false;
            if (!_sharesProcessor)
            {
                thread.Processor.Clock = Math.Max(thread.Processor.Clock, now + _assumptions.TransferNanoseconds);
            }

            _ready.Enqueue(thread, thread.Processor.Clock);
        }
    }

    private void RunFast(VirtualThread thread)
    {
        bool isFreeing = thread.IsFreeing;
        long start = SlowPathRecorder.Start();
        int calls = thread.Run();
        double each = (SlowPathRecorder.NanosecondsSince(start) - _recorder.ClockNanoseconds) / Math.Max(calls, 1);
        string part = isFreeing ? FastPut : FastTake;
        if (IsLearningOf(thread) && calls >= LeastTimedRun)
        {
            _costs.Learn(part, each);
        }

        double table = _scenario.IsHandOver && !_sharesProcessor ? _assumptions.StreamNanoseconds / SlotsPerLine : 0;
        double fast = _costs.Of(part, Math.Clamp(each, 0, MostNanoseconds)) * _assumptions.Slowdown;
        double cost = fast + table + _scenario.WorkNanoseconds +
            (isFreeing ? thread.PutExtra : thread.TakeExtra);
        thread.Processor.Clock += calls * cost;
        Count(thread, isFreeing ? calls : 0);
    }

    // What is touched for the first time, while the caches and depots fill, takes far longer.
    private bool IsLearningOf(VirtualThread thread) => _isLearning && thread.Processor.Clock >= _start;

    private void Count(VirtualThread thread, int frees)
    {
        double now = thread.Processor.Clock;
        _frees += now >= _start && now < _end ? frees : 0;
    }

    private void DoSlow(VirtualThread thread)
    {
        bool isFreeing = thread.IsFreeing;
        void* freed = isFreeing ? thread.NextToFree : null;
        string path = isFreeing ? CostTable.PutPath : CostTable.TakePath;
        bool isWhole = IsLearningOf(thread) && _learntPaths++ % 2 == 1;
        _recorder.Begin(isWhole);
        thread.DoSlow();
        _recorder.End();
        if (IsLearningOf(thread))
        {
            _costs.LearnPath(path, isWhole, _recorder.Steps.Sum(step => Math.Min(step.Nanoseconds, MostNanoseconds)));
        }

        // Of a path that was timed as a whole the steps are not known.
        if (isWhole)
        {
            thread.Processor.Clock += Math.Clamp(_recorder.Steps[0].Nanoseconds, 0, MostNanoseconds);
        }
        else
        {
            Replay(thread, path);
        }

        thread.Processor.Clock += _scenario.WorkNanoseconds;
        Count(thread, isFreeing ? 1 : 0);
        double extra = UseMagazine(
            isFreeing ? ExchangeLayer.PutInto(thread.Cache, freed) : _layer.TakenFrom(thread.Cache), thread.Processor);
        if (isFreeing)
        {
            thread.PutExtra = extra;
        }
        else
        {
            thread.TakeExtra = extra;
        }
    }

    // The slots of a magazine that another processor used are fetched as the calls come to them.
    private double UseMagazine(nint magazine, VirtualProcessor processor)
    {
        bool isOfAnother = _magazineUsers.TryGetValue(magazine, out int user) && user != processor.Number;
        _magazineUsers[magazine] = processor.Number;
        return isOfAnother ? _assumptions.StreamNanoseconds / SlotsPerLine : 0;
    }

    private void Replay(VirtualThread thread, string path)
    {
        IReadOnlyList<RecordedStep> steps = _recorder.Steps;
        Span<double> costs = stackalloc double[steps.Count];
        string before = path;
        for (int i = 0; i < steps.Count; i++)
        {
            string name = NameOf(steps[i]);
            string part = $"{path}: {before} > {name}";
            double measured = Math.Clamp(steps[i].Nanoseconds, 0, MostNanoseconds);
            if (IsLearningOf(thread))
            {
                _costs.Learn(part, Math.Min(steps[i].Nanoseconds, MostNanoseconds));
            }

            costs[i] = _costs.Of(part, measured) * _assumptions.Slowdown;
            before = name;
        }

        double clock = thread.Processor.Clock;
        double horizon = clock;
        for (int i = 0; i < steps.Count; i++)
        {
            clock += costs[i];
            int processor = thread.Processor.Number;
            switch (steps[i].Step)
            {
                // While the caches and depots fill, nothing waits.
                case PathStep.Enter or PathStep.Word when clock < _start:
                case PathStep.Word when _assumptions.HasFreeWords:
                    LockOf(steps[i].Target!).Mark(processor);
                    break;
                case PathStep.Enter:
                    VirtualLock used = LockOf(steps[i].Target!);
                    clock = used.Use(clock, HoldOf(steps, costs, i), processor, _assumptions, horizon);
                    break;
                case PathStep.Word:
                    clock = LockOf(steps[i].Target!).Use(clock, WordNanoseconds, processor, _assumptions, horizon);
                    break;
                case PathStep.See:
                    clock += LockOf(steps[i].Target!).Look(processor) ? _assumptions.TransferNanoseconds : 0;
                    break;
                case PathStep.Exit:
                case PathStep.End:
                    break;
            }
        }

        thread.Processor.Clock = clock;
    }

    // From the entry of a lock to its exit, without waits for others inside.
    private static double HoldOf(IReadOnlyList<RecordedStep> steps, ReadOnlySpan<double> costs, int entry)
    {
        double hold = 0;
        for (int i = entry + 1; i < steps.Count; i++)
        {
            hold += costs[i];
            if (steps[i].Step == PathStep.Exit && ReferenceEquals(steps[i].Target, steps[entry].Target))
            {
                break;
            }
        }

        return hold;
    }

    private string NameOf(RecordedStep step) =>
        step.Target is null ? step.Step.ToString() : $"{step.Step} {LockOf(step.Target).Kind}";

    private VirtualLock LockOf(object target)
    {
        if (!_locks.TryGetValue(target, out VirtualLock? found))
        {
            if (target is UninterruptibleLock)
            {
                AddLocks();
                found = _locks[target];
            }
            else
            {
                found = new VirtualLock(target.GetType().Name + " (word)", 1, WaitKind.Queue);
                _locks.Add(target, found);
            }
        }

        return found;
    }

    private void AddLocks()
    {
        foreach ((UninterruptibleLock named, string name) in LockNames.Find(_layer.Roots))
        {
            _locks.TryAdd(named, new VirtualLock(name, LinesOf(name), WaitKind.Poll));
        }
    }

    // The lock's own line, then what a section reads or writes that the processor which held it before wrote.
    private static int LinesOf(string name) => name switch
    {
        // The lists, and the header of a magazine.
        "DepotStripe.Lock" => 3,

        // The list of spans, a span's header, and two lines of its bitmap.
        "Depot.lock" => 5,
        _ => 2,
    };
}
