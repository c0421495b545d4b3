using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Tests.Children;

// Allocates where the stack has less left than the runtime needs to name a stack's methods, but enough for an
// allocation, in a heap whose every allocation is sampled, or in one that keeps the stacks of all blocks.
internal static unsafe class DeepRecursionScenario
{
    private const int StackBytes = 1 << 20;

    // What is taken of the rest in which the runtime says that the stack does not suffice: 128 KiB.
    private const int PadBytes = 110_000;

    public static void Run(string[] args)
    {
        Thread thread = new(args.Contains("histories") ? WithHistories : WithAProfiler, StackBytes);
        thread.Start();
        thread.Join();
    }

    private static void WithAProfiler()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        heap.Free(heap.Alloc(64));
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        CompileAllocate(heap);
        Recurse(heap);
        Console.WriteLine($"samples={profiler.Capture().Samples.Count}");
    }

    private static void WithHistories()
    {
        using HakmemAllocator heap = new(
            new HakmemOptions { Hardening = HardeningLevel.Full, CaptureStacks = true });

        CompileAllocate(heap);
        Recurse(heap);
        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
    }

    // Compiling a method would take more stack than there is later.
    private static void CompileAllocate(HakmemAllocator heap)
    {
        for (int i = 0; i < 1_000; i++)
        {
            Allocate(heap);
        }
    }

    private static void Recurse(HakmemAllocator heap)
    {
        if (RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            Recurse(heap);
            return;
        }

        byte* pad = stackalloc byte[PadBytes];
        pad[0] = 1;
        Allocate(heap);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Allocate(HakmemAllocator heap) => heap.Free(heap.Alloc(64));
}
