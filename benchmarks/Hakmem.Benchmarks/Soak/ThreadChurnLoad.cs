using System;
using System.Collections.Generic;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Threads that live for a moment, leave blocks to their successor and full caches to whoever takes them over.</summary>
internal sealed class ThreadChurnLoad(string name, SoakGate gate, int seed, SoakHeap heap) : SoakLoad(name, gate, seed)
{
    private const int BlocksPerThread = 40;

    private List<SoakBlock> _legacy = [];

    protected override void Step()
    {
        List<SoakBlock> inherited = _legacy;
        List<SoakBlock> made = [];
        int seed = Random.Next();
        Crew.Run(1, _ => Live(inherited, made, new Random(seed)));
        _legacy = made;
    }

    protected override void Finish() => _legacy.ForEach(heap.Free);

    private void Live(List<SoakBlock> inherited, List<SoakBlock> made, Random random)
    {
        for (int i = 0; i < BlocksPerThread; i++)
        {
            if (heap.TryAlloc(RandomSize(random), zeroed: false, out SoakBlock block))
            {
                made.Add(block);
            }
        }

        inherited.ForEach(heap.Free);
    }
}
