using System;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hakmem.Heaps;

namespace Hakmem.Tests.Children;

// One misuse of the shared heap, as the environment has it hardened. Prints what it is about, then commits it: what the process prints
// on standard error, and how it ends, is for the test to judge. Each step is a method of its own, to be recognised in call stacks.
internal static unsafe class MisuseScenario
{
    private const int PageBytes = 4096;

    private static HakmemAllocator Heap => HakmemAllocator.Shared;

    public static void Run(string[] args)
    {
        nuint size = nuint.Parse(args[1], CultureInfo.InvariantCulture);

        // An interval of one has a thread's second allocation sampled.
        Heap.Free(Heap.Alloc(size));
        byte* block = TheAllocation(size);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"block={(nint)block}"));
        Commit(args[0], block, size);
        Console.WriteLine("survived=1");
    }

    private static void Commit(string misuse, byte* block, nuint size)
    {
        switch (misuse)
        {
            case "double-free":
                TheFree(block);
                Heap.Free(block);
                break;
            case "double-free-later":
                TheFree(block);
                Heap.Free(Heap.Alloc(size));
                Heap.Free(block);
                break;
            case "double-free-at-flush":
                void* between = Heap.Alloc(size);
                TheFree(block);
                Heap.Free(between);
                Heap.Free(block);
                Console.WriteLine("undetected=1");
                Heap.Trim();
                break;
            case "interior-free":
                Heap.Free(block + 16);
                break;
            case "misaligned-free":
                Heap.Free(block + 1);
                break;
            case "foreign-free":
                Heap.Free(NativeMemory.Alloc(size));
                break;
            case "cross-heap-free":
                new HakmemAllocator().Free(block);
                break;
            case "stale-free":
                TheFree(block);
                Heap.Trim();
                Heap.Free(block);
                break;
            case "write-after-free":
                TheFree(block);
                block[5] = 0x41;
                Heap.Trim();
                break;
            case "read-after-free":
                TheFree(block);
                Console.WriteLine(block[5]);
                break;
            case "overflow":
                block[size] = 0x41;
                Heap.Free(block);
                break;
            case "page-overflow":
                block[size + PageBytes] = 0x41;
                break;
            case "page-underflow":
                *(block - PageBytes) = 0x41;
                break;
            case "null-reference":
                // No misuse of the heap: the runtime's own handling must be what it is without a handler in front.
                try
                {
                    Console.WriteLine(((string)null!).Length);
                }
                catch (NullReferenceException)
                {
                    Console.WriteLine("caught=1");
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(misuse), misuse, "There is no such misuse.");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* TheAllocation(nuint size) => (byte*)Heap.Alloc(size);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TheFree(void* block)
    {
        Heap.Free(block);
        GC.KeepAlive(Heap);
    }
}
