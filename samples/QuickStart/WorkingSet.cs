using System;
using System.Linq;

namespace Hakmem.QuickStart;

// Blocks of a few sizes, written from end to end and held at once: something to see in the statistics, and something
// for the operating system to take back.
internal static unsafe class WorkingSet
{
    // As many bytes of each size: tiny, mid and large ones.
    private const int BytesOfEachSize = 48 << 20;
    private static readonly int[] s_sizes = [64, 1_000, 16 << 10, 200_000, 4 << 20];

    public static int BlockCount { get; } = s_sizes.Sum(size => BytesOfEachSize / size);

    // Fills a table of BlockCount addresses.
    public static void Allocate(HakmemAllocator heap, Span<nint> blocks)
    {
        int next = 0;
        foreach (int size in s_sizes)
        {
            for (int i = 0; i < BytesOfEachSize / size; i++)
            {
                void* block = heap.Alloc((nuint)size);
                new Span<byte>(block, size).Fill(1);
                blocks[next++] = (nint)block;
            }
        }
    }

    public static void Free(HakmemAllocator heap, Span<nint> blocks)
    {
        foreach (nint block in blocks)
        {
            heap.Free((void*)block);
        }
    }
}
