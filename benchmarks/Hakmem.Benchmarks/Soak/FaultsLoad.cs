using Hakmem.Pages;

namespace Hakmem.Benchmarks.Soak;

/// <summary>
/// A heap in an arena of its own over memory that keeps refusing: every few calls, with a changing beat. What it holds must stay, and its books
/// must agree, whatever was refused.
/// </summary>
internal sealed class FaultsLoad : SoakLoad
{
    private const long ArenaBytes = 256L << 20;
    private const int Slots = 120;
    private const int ActsPerStep = 30;
    private const int MostEvery = 9;

    private readonly RefusingMemory _memory = new();
    private readonly SoakHeap _heap;
    private readonly SoakBlock?[] _blocks = new SoakBlock?[Slots];

    public FaultsLoad(string name, SoakGate gate, int seed)
        : base(name, gate, seed)
    {
        // Little is kept, so that the system is called often.
        HakmemOptions options = new() { SuperSlabCacheCount = 1, LazyZero = LazyZeroMode.Immediate };
        _heap = new SoakHeap("heap with refused calls", new HakmemAllocator(options, new Arena(_memory, ArenaBytes)));
    }

    /// <summary>Calls to the system that were refused.</summary>
    public long Refusals => _memory.Refusals;

    /// <summary>Requests that could not be met for it.</summary>
    public long Failures => _heap.Failures;

    public override long LiveBytes => _heap.LiveBytes;

    public override void Check()
    {
        _memory.RefuseEvery(0);
        _heap.Check();
    }

    protected override void Step()
    {
        _memory.RefuseEvery(Random.Next(MostEvery));
        for (int act = 0; act < ActsPerStep; act++)
        {
            ref SoakBlock? slot = ref _blocks[Random.Next(Slots)];
            if (slot is not { } block)
            {
                slot = _heap.TryAlloc(RandomSize(Random), Random.Next(8) == 0, out SoakBlock made) ? made : null;
            }
            else if (Random.Next(4) == 0)
            {
                slot = _heap.Resize(block, RandomSize(Random));
            }
            else
            {
                _heap.Free(block);
                slot = null;
            }
        }

        if (Random.Next(4) == 0)
        {
            _heap.Heap.Trim();
        }
    }

    protected override void Finish()
    {
        _memory.RefuseEvery(0);
        foreach (SoakBlock? block in _blocks)
        {
            if (block is { } live)
            {
                _heap.Free(live);
            }
        }

        // Of a trim, what the system refused before is given back too.
        _heap.Heap.Trim();
        _heap.Check();
        HakmemStatistics statistics = _heap.Heap.GetStatistics();
        if (statistics.CommittedBytes != 0)
        {
            throw new SoakFailedException($"{statistics.CommittedBytes} bytes are still committed where nothing is live.");
        }
    }
}
