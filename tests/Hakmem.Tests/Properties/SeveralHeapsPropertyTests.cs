using System;
using System.Linq;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Properties;

// Several heaps and the shared one, interleaved on one thread: each behaves as if it were alone, and rejects the others' blocks.
public sealed unsafe class SeveralHeapsPropertyTests
{
    private const int IsolatedHeaps = 3;

    [Fact]
    public void InterleavedHeapsKeepTheirBlocksApart()
    {
        Generators.Step(IsolatedHeaps + 1).Array[1, 400].Sample(
            steps =>
            {
                HakmemAllocator[] heaps = [.. Enumerable.Range(0, IsolatedHeaps).Select(_ => new HakmemAllocator())];
                try
                {
                    Run(heaps, steps);
                }
                finally
                {
                    Array.ForEach(heaps, heap => heap.Dispose());
                }
            },
            iter: 120,
            print: steps => string.Join("\n", (object[])steps));
    }

    private static void Run(HakmemAllocator[] heaps, HeapStep[] steps)
    {
        HeapModel[] isolated = [.. heaps.Select(heap => new HeapModel(heap))];
        HeapModel[] all = [.. isolated, new HeapModel(HakmemAllocator.Shared)];
        foreach (HeapStep step in steps)
        {
            all[step.Heap].Take(step);
            RejectForeignBlock(all, step);
            Array.ForEach(isolated, model => model.Ledger.AssertStatisticsMatch());
        }

        Array.ForEach(all, model => model.Ledger.VerifyAll());

        // One heap goes with its blocks in it; the others' blocks are none the worse for it.
        heaps[0].Dispose();
        Array.ForEach(all[1..], model => model.Ledger.FreeAll());
        Array.ForEach(isolated[1..], model => model.Ledger.AssertStatisticsMatch());
    }

    // Hands a live block of the next heap to this one. Nothing of it may change: the ledgers find out later.
    private static void RejectForeignBlock(HeapModel[] all, HeapStep step)
    {
        HeapModel owner = all[(step.Heap + 1) % all.Length];
        HakmemAllocator stranger = all[step.Heap].Heap;
        if (owner.Ledger.Count == 0)
        {
            return;
        }

        void* pointer = owner.Ledger[step.Slot % owner.Ledger.Count].Pointer;
        Assert.False(stranger.Owns(pointer));
        switch (step.Slot % 3)
        {
            case 0:
                Corruption.AssertReported(pointer, () => stranger.Free(pointer));
                break;
            case 1:
                Corruption.AssertReported(pointer, () => stranger.Realloc(pointer, 100));
                break;
            default:
                Corruption.AssertReported(pointer, () => stranger.UsableSize(pointer));
                break;
        }
    }
}
