using System;
using Hakmem.Benchmarks.Workloads;
using Hakmem.Records;

namespace Hakmem.Scale.Model;

/// <summary>One of the threads of a run, with a cache of its own. It runs the library's fast paths for real.</summary>
internal sealed unsafe class VirtualThread
{
    // A run of fast paths ends after this many, so that a thread without slow paths cannot run for ever.
    private const int MaxRun = 10_000;

    private readonly ExchangeLayer _layer;
    private readonly Scenario _scenario;
    private readonly nint[][] _tables;
    private Xorshift _random;
    private int _length;
    private int _table;
    private int _position;
    private bool _isFreeing;

    /// <param name="layer">The exchange.</param>
    /// <param name="scenario">What the thread does.</param>
    /// <param name="number">The number of its cache.</param>
    /// <param name="processor">The processor that it runs on.</param>
    /// <param name="producer">The producer whose tables it frees, or null if it allocates.</param>
    public VirtualThread(
        ExchangeLayer layer, Scenario scenario, int number, VirtualProcessor processor, VirtualThread? producer)
    {
        _layer = layer;
        _scenario = scenario;
        Processor = processor;
        _random = new Xorshift((ulong)number);
        _length = scenario.NextLength(ref _random);
        Cache = layer.NewCache(number);
        _isFreeing = producer is not null;
        _tables = producer is null ? new nint[scenario.IsHandOver ? TablesInFlight + 2 : 1][] : producer._tables;
        for (int i = 0; i < _tables.Length; i++)
        {
            _tables[i] ??= new nint[scenario.TableBlocks];
        }

        Partner = producer;
        if (producer is not null)
        {
            producer.Partner = this;
            Next = Interaction.Receive;
        }
    }

    /// <summary>The tables that a producer may be ahead.</summary>
    public static int TablesInFlight => 8;

    public ThreadCache* Cache { get; }

    public VirtualProcessor Processor { get; }

    /// <summary>The other half of a hand-over, or null.</summary>
    public VirtualThread? Partner { get; private set; }

    /// <summary>What the thread does next.</summary>
    public Interaction Next { get; private set; }

    /// <summary>Whether the thread waits for its partner.</summary>
    public bool IsBlocked { get; set; }

    /// <summary>Of a consumer: tables that wait for it.</summary>
    public int Waiting { get; set; }

    /// <summary>Whether the run was one of frees.</summary>
    public bool IsFreeing => _isFreeing;

    /// <summary>Nanoseconds that a call takes longer because another processor has used the magazine before.</summary>
    public double TakeExtra { get; set; }

    /// <summary>The same for frees.</summary>
    public double PutExtra { get; set; }

    /// <summary>A block that is freed next.</summary>
    public void* NextToFree => (void*)_tables[_table][_position];

    /// <summary>Runs fast paths of one kind until something else has to be done; returns how many.</summary>
    public int Run()
    {
        int done = _isFreeing ? Free(_tables[_table]) : Allocate(_tables[_table]);
        bool isTableDone = _position == _length;
        if (!isTableDone)
        {
            Next = done == MaxRun ? Interaction.None : _isFreeing ? Interaction.PutSlow : Interaction.TakeSlow;
        }
        else if (_scenario.IsHandOver)
        {
            Next = _isFreeing ? Interaction.Receive : Interaction.Pass;
        }
        else
        {
            _position = 0;
            _isFreeing = !_isFreeing;
            _length = _isFreeing ? _length : _scenario.NextLength(ref _random);
            Next = Interaction.None;
        }

        return done;
    }

    /// <summary>Begins the next table of a hand-over.</summary>
    public void BeginTable()
    {
        // The first time there was none before.
        if (_position == _length)
        {
            _table = (_table + 1) % _tables.Length;
        }

        _position = 0;
    }

    /// <summary>Does what the slow path is for.</summary>
    public void DoSlow()
    {
        if (_isFreeing)
        {
            _layer.PutSlow(Cache, NextToFree);
        }
        else
        {
            _tables[_table][_position] = (nint)_layer.TakeSlow(Cache);
        }

        _position++;
    }

    private int Allocate(nint[] table)
    {
        int end = Math.Min(_length, _position + MaxRun);
        int start = _position;
        int position = start;
        for (; position < end; position++)
        {
            void* block = _layer.TryTake(Cache);
            if (block == null)
            {
                break;
            }

            table[position] = (nint)block;
        }

        _position = position;
        return position - start;
    }

    private int Free(nint[] table)
    {
        int end = Math.Min(_length, _position + MaxRun);
        int start = _position;
        int position = start;
        for (; position < end; position++)
        {
            if (!ExchangeLayer.TryPut(Cache, (void*)table[position]))
            {
                break;
            }
        }

        _position = position;
        return position - start;
    }
}
