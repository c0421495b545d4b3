using System;
using System.Threading;

namespace Hakmem.Benchmarks.Soak;

/// <summary>
/// Blocks that change hands: all loads of this kind swap theirs through one table, so that most are freed by another thread than the
/// one that made them.
/// </summary>
internal sealed class SlotsLoad(string name, SoakGate gate, int seed, SoakHeap heap, SoakBlock?[] shared) : SoakLoad(name, gate, seed)
{
    private const int OwnSlots = 200;
    private const int ActsPerStep = 50;

    private readonly SoakBlock?[] _own = new SoakBlock?[OwnSlots];

    protected override void Step()
    {
        for (int act = 0; act < ActsPerStep; act++)
        {
            ref SoakBlock? slot = ref _own[Random.Next(OwnSlots)];
            switch (Random.Next(8))
            {
                case 0:
                    Swap(ref slot);
                    break;
                case 1 when slot is { } block:
                    slot = heap.Resize(block, RandomSize(Random));
                    break;
                default:
                    Replace(ref slot);
                    break;
            }
        }
    }

    protected override void Finish()
    {
        foreach (SoakBlock?[] table in new[] { _own, shared })
        {
            for (int i = 0; i < table.Length; i++)
            {
                SoakBlock? block;
                lock (shared)
                {
                    block = table[i];
                    table[i] = null;
                }

                FreeAny(block);
            }
        }
    }

    private void Replace(ref SoakBlock? slot)
    {
        FreeAny(slot);
        slot = slot is null && heap.TryAlloc(RandomSize(Random), Random.Next(8) == 0, out SoakBlock block) ? block : null;
    }

    private void Swap(ref SoakBlock? slot)
    {
        lock (shared)
        {
            ref SoakBlock? other = ref shared[Random.Next(shared.Length)];
            (other, slot) = (slot, other);
        }
    }

    private void FreeAny(SoakBlock? block)
    {
        if (block is { } live)
        {
            heap.Free(live);
        }
    }
}
