using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// Takes and writes memory until it is refused, twice, in blocks of several sizes on several threads; in between everything is freed. Without a limit
// it stops by itself.
internal static unsafe class MemoryGroupScenario
{
    private const long MostBytes = 2L << 30;
    private const int Threads = 4;

    public static void Run()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        for (int round = 0; round < 2; round++)
        {
            long[] bytes = new long[Threads];
            bool[] isRefused = new bool[Threads];
            List<Block>[] blocks = new List<Block>[Threads];
            Workers.Run(Threads, index =>
            {
                blocks[index] = [];
                nuint size = index % 2 == 0 ? BlockSizes.Mid : 3 * BlockSizes.MiB;
                try
                {
                    while (bytes[index] < MostBytes / Threads)
                    {
                        blocks[index].Add(Block.Allocate(heap, size, (uint)index));
                        bytes[index] += (long)size;
                    }
                }
                catch (OutOfMemoryException)
                {
                    isRefused[index] = true;
                }
            });
            Workers.Run(Threads, index => blocks[index].ForEach(block => block.VerifyAndFree(heap)));
            long total = 0;
            Array.ForEach(bytes, share => total += share);
            Console.WriteLine($"bytes{round}={total}\nrefusals{round}={Array.FindAll(isRefused, refused => refused).Length}");
            Console.WriteLine($"live{round}={heap.GetStatistics().LiveBlocks}");
        }
    }
}
