using Hakmem.Tests.Support;

namespace Hakmem.Tests.Faults;

// One of everything that makes a heap call the operating system, in a fixed order.
internal static class FaultScript
{
    private const nuint KiB = BlockSizes.KiB;
    private const nuint MiB = BlockSizes.MiB;

    public static void Run(FaultyHeap heap)
    {
        Small(heap);
        Large(heap);
        Growth(heap);
        Threads(heap);
        FreeHalf(heap);
        heap.Heap.Trim();
        heap.AllocateZeroed(5 * MiB);
        heap.AllocateAligned(3 * MiB, 8 * MiB);
    }

    private static void Small(FaultyHeap heap)
    {
        for (int i = 0; i < 300; i++)
        {
            heap.Allocate((nuint)i * 4);
        }

        for (int i = 0; i < 12; i++)
        {
            heap.Allocate(100 * KiB);
            heap.Allocate(900 * KiB);
        }

        heap.AllocateZeroed(200 * KiB);
        heap.AllocateAligned(1_000, 4_096);
        heap.AllocateAligned(1_000, 2 * MiB);
    }

    private static void Large(FaultyHeap heap)
    {
        heap.Allocate(3 * MiB);
        heap.Allocate(9 * MiB);
        FreeHalf(heap);
        heap.AllocateZeroed(7 * MiB);
        heap.Allocate(12 * MiB);
    }

    // A block from a size class to a unit run, a run, and further runs: in place, and by pages where another block is in the way.
    private static void Growth(FaultyHeap heap)
    {
        heap.Allocate(100 * KiB);
        for (nuint bytes = 150 * KiB; bytes < 20 * MiB; bytes += bytes / 2)
        {
            if (heap.Ledger.Count == 0)
            {
                return;
            }

            heap.Resize(LargestBlock(heap), bytes);
            heap.Allocate(bytes > 2 * MiB ? 2 * MiB : 64);
        }

        heap.Resize(LargestBlock(heap), 3 * MiB);
    }

    private static void Threads(FaultyHeap heap)
    {
        for (int thread = 0; thread < 3; thread++)
        {
            Workers.RunOne(() =>
            {
                for (int i = 0; i < 100; i++)
                {
                    heap.Allocate((nuint)(500 * (i % 7)));
                }

                FreeHalf(heap);
            });
        }
    }

    private static void FreeHalf(FaultyHeap heap)
    {
        for (int index = heap.Ledger.Count - 1; index >= 0; index -= 2)
        {
            heap.Ledger.Free(index);
        }
    }

    private static int LargestBlock(FaultyHeap heap)
    {
        int largest = 0;
        for (int index = 1; index < heap.Ledger.Count; index++)
        {
            largest = heap.Ledger[index].Bytes > heap.Ledger[largest].Bytes ? index : largest;
        }

        return largest;
    }
}
