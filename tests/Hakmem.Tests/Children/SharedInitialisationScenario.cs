using System;
using System.Linq;
using System.Threading;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// The very first use of the library, by several threads at once.
internal static unsafe class SharedInitialisationScenario
{
    public static void Run()
    {
        const int Threads = 8;
        using Barrier start = new(Threads);
        HakmemAllocator[] seen = new HakmemAllocator[Threads];
        Block[] blocks = new Block[Threads];
        Workers.Run(Threads, index =>
        {
            start.SignalAndWait();
            if (index % 2 == 0)
            {
                seen[index] = HakmemAllocator.Shared;
                blocks[index] = Block.Allocate(seen[index], (nuint)index * 1_000, (uint)index);
            }
            else
            {
                // Isolated heaps bring up the same arena.
                using HakmemAllocator isolated = new();
                Block.Allocate(isolated, BlockSizes.Tiny, 1).VerifyAndFree(isolated);
                seen[index] = HakmemAllocator.Shared;
                blocks[index] = Block.Allocate(seen[index], BlockSizes.Mid, (uint)index);
            }
        });
        Console.WriteLine($"instances={seen.Distinct().Count()}");
        Array.ForEach(blocks, block => block.VerifyAndFree(HakmemAllocator.Shared));
        Console.WriteLine($"live={HakmemAllocator.Shared.GetStatistics().LiveBlocks}");
    }
}
