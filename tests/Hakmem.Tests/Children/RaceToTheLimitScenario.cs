using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// Eight threads take all the memory that the process may have, twice: each goes on until it is refused, then they free everything.
internal static unsafe class RaceToTheLimitScenario
{
    private const int Threads = 8;

    public static void Run()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        for (int round = 0; round < 2; round++)
        {
            int refusals = 0;
            long bytes = 0;
            List<Block>[] blocks = new List<Block>[Threads];
            Workers.Run(Threads, index =>
            {
                blocks[index] = [];
                nuint size = index % 2 == 0 ? BlockSizes.Mid : 3 * BlockSizes.MiB;
                try
                {
                    while (true)
                    {
                        // Filled at both ends only: the limit is on addresses.
                        byte* pointer = (byte*)heap.Alloc(size);
                        pointer[0] = pointer[size - 1] = (byte)index;
                        blocks[index].Add(new Block((nint)pointer, size, (uint)index));
                        Interlocked.Add(ref bytes, (long)size);
                    }
                }
                catch (OutOfMemoryException)
                {
                    Interlocked.Increment(ref refusals);
                }
            });

            Workers.Run(Threads, index => blocks[index].ForEach(block =>
            {
                byte* pointer = (byte*)block.Pointer;
                if (pointer[0] != (byte)index || pointer[block.Bytes - 1] != (byte)index)
                {
                    throw new InvalidOperationException($"The block at 0x{(nuint)pointer:x} has been overwritten.");
                }

                heap.Free(pointer);
            }));
            Console.WriteLine($"refusals{round}={refusals}\nbytes{round}={bytes}\nlive{round}={heap.GetStatistics().LiveBlocks}");
        }
    }
}
