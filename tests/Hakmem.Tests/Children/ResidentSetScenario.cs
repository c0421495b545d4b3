using System;
using System.Globalization;
using System.Linq;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// A burst of 256 MiB on a number of threads, all freed and trimmed; prints the process's resident set before, during and after.
internal static unsafe class ResidentSetScenario
{
    private const nuint BurstBytes = 256 * BlockSizes.MiB;

    private static readonly nuint[] s_sizes = [64, 1_000, BlockSizes.Mid, 4 * BlockSizes.MiB];

    public static void Run(string[] args)
    {
        int threads = int.Parse(args[0], CultureInfo.InvariantCulture);
        using HakmemAllocator heap = new();
        nint[][] burst = new nint[threads][];
        nuint bytesEach = BurstBytes / (nuint)threads / (nuint)s_sizes.Length;
        for (int i = 0; i < threads; i++)
        {
            // Touched before the first measurement: what the burst is remembered in is not part of it.
            burst[i] = new nint[s_sizes.Sum(size => (int)(bytesEach / size))];
            burst[i].AsSpan().Fill(-1);
        }

        Workers.Run(threads, _ => heap.Free(heap.Alloc(64)));
        heap.Trim();
        Print("start");
        Workers.Run(threads, index => Allocate(heap, burst[index], bytesEach));
        Print("peak");
        Workers.Run(threads, index => Array.ForEach(burst[index], address => heap.Free((void*)address)));
        heap.Trim();
        Print("end");
    }

    private static void Allocate(HakmemAllocator heap, nint[] blocks, nuint bytesEach)
    {
        int next = 0;
        foreach (nuint size in s_sizes)
        {
            for (nuint used = 0; used + size <= bytesEach; used += size)
            {
                void* pointer = heap.Alloc(size);
                Pattern.Fill(pointer, size, 1);
                blocks[next++] = (nint)pointer;
            }
        }
    }

    public static long ReadBytes() => Environment.WorkingSet;

    private static void Print(string name) => Console.WriteLine($"{name}={ReadBytes()}");
}
