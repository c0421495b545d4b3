using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Isolated heaps with options of all kinds, filled by two threads, checked, and disposed with blocks still live in them.</summary>
internal sealed class HeapsLoad(string name, SoakGate gate, int seed) : SoakLoad(name, gate, seed)
{
    private const int BlocksPerThread = 60;

    protected override void Step()
    {
        HakmemOptions options = new()
        {
            LazyZero = (LazyZeroMode)Random.Next(3),
            Hardening = Random.Next(4) == 0 ? HardeningLevel.Full : HardeningLevel.Standard,
            ThreadCacheBytes = Random.Next(2) == 0 ? 0 : 1 << 20,
            SuperSlabCacheCount = Random.Next(4),
        };
        using HakmemAllocator heap = new(options);
        SoakHeap books = new("isolated heap", heap);
        int otherSeed = Random.Next();
        using Crew crew = new();
        Thread other = crew.Start(() => Fill(books, new Random(otherSeed)));
        Fill(books, Random);
        other.Join();
        crew.Wait();
        books.Check();
        heap.Trim();
        books.Check();
    }

    protected override void Finish()
    {
    }

    private static void Fill(SoakHeap books, Random random)
    {
        List<SoakBlock> blocks = [];
        for (int i = 0; i < BlocksPerThread; i++)
        {
            if (books.TryAlloc(RandomSize(random), random.Next(4) == 0, out SoakBlock block))
            {
                blocks.Add(block);
            }
        }

        for (int i = 0; i < blocks.Count; i += 2)
        {
            books.Free(blocks[i]);
        }
    }
}
