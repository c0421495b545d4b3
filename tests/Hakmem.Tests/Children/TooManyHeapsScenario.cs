using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// Makes isolated heaps until no more can be had, and again after all are disposed; prints how many there were.
internal static unsafe class TooManyHeapsScenario
{
    // More than there can be.
    private const int MaxHeaps = 100_000;

    public static void Run()
    {
        Console.WriteLine($"first={MakeAll()}");
        Console.WriteLine($"second={MakeAll()}");
        using HakmemAllocator heap = new();
        Block.Allocate(heap, BlockSizes.Mid, 1).VerifyAndFree(heap);
    }

    private static int MakeAll()
    {
        List<HakmemAllocator> heaps = [];
        try
        {
            while (heaps.Count < MaxHeaps)
            {
                heaps.Add(new HakmemAllocator());
            }
        }
        catch (InvalidOperationException)
        {
            // The newest has the largest number: its cache is the hardest to reach.
            Block.Allocate(heaps[^1], BlockSizes.Tiny, 1).VerifyAndFree(heaps[^1]);
            Block.Allocate(heaps[0], BlockSizes.Tiny, 2).VerifyAndFree(heaps[0]);
        }

        heaps.ForEach(heap => heap.Dispose());
        return heaps.Count;
    }
}
