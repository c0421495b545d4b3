using System;
using System.Collections.Generic;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Blocks of megabytes that come, grow, shrink and go: mapping, growth in place, moved pages, purged memory.</summary>
internal sealed class LargeBlocksLoad(string name, SoakGate gate, int seed, SoakHeap heap) : SoakLoad(name, gate, seed)
{
    private const int MostBlocks = 8;
    private const int MostBytes = 12 << 20;

    private readonly List<SoakBlock> _blocks = [];

    protected override void Step()
    {
        if (_blocks.Count < MostBlocks && Random.Next(2) == 0)
        {
            if (heap.TryAlloc((nuint)Random.Next(64 << 10, MostBytes), zeroed: Random.Next(4) == 0, out SoakBlock block))
            {
                _blocks.Add(block);
            }
        }
        else if (_blocks.Count > 0)
        {
            int index = Random.Next(_blocks.Count);
            if (Random.Next(2) == 0)
            {
                _blocks[index] = heap.Resize(_blocks[index], (nuint)Random.Next(64 << 10, MostBytes));
            }
            else
            {
                heap.Free(_blocks[index]);
                _blocks.RemoveAt(index);
            }
        }
    }

    protected override void Finish() => _blocks.ForEach(heap.Free);
}
