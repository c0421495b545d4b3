using System;
using System.Runtime.CompilerServices;
using Hakmem.Profiling;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Guarded;

// The stacks in the histories of blocks.
public sealed unsafe class HistoryStacksTests
{
    private const int Calls = 2_000;

    private static int s_freed;

    [Theory]
    [InlineData(HardeningLevel.Full, 0)]
    [InlineData(HardeningLevel.Standard, 1)]
    [Needs(SystemNeed.StackHashes)]
    public void APlaceThatAllocatesAgainAndAgainIsNamedAFewTimes(HardeningLevel hardening, int interval)
    {
        using HakmemAllocator heap = new(
            new HakmemOptions
            {
                Hardening = hardening,
                CaptureStacks = hardening == HardeningLevel.Full,
                GuardedSampleInterval = interval,
            });
        long before = HistoryStacks.ResolvedStacks;
        for (int i = 0; i < Calls; i++)
        {
            FreeIt(heap, AllocateA(heap));
        }

        Assert.InRange(HistoryStacks.ResolvedStacks - before, 1, Calls / 10);
    }

    [Fact]
    public void TheHistoryNamesThePlacesThatAllocatedAndFreedThisBlock()
    {
        using HakmemAllocator heap = new(
            new HakmemOptions { Hardening = HardeningLevel.Full, CaptureStacks = true });
        for (int i = 0; i < Calls; i++)
        {
            FreeIt(heap, AllocateA(heap));
            heap.Free(AllocateB(heap));
        }

        void* a = AllocateA(heap);
        void* b = AllocateB(heap);
        FreeIt(heap, a);
        FreeIt(heap, b);
        HakmemCorruptionException first = Assert.Throws<HakmemCorruptionException>(() => heap.Free(a));
        HakmemCorruptionException second = Assert.Throws<HakmemCorruptionException>(() => heap.Free(b));
        Assert.Contains(nameof(AllocateA), first.AllocationStack, StringComparison.Ordinal);
        Assert.Contains(nameof(AllocateB), second.AllocationStack, StringComparison.Ordinal);
        Assert.Contains(nameof(FreeIt), first.FreeStack, StringComparison.Ordinal);
        Assert.Contains(nameof(FreeIt), second.FreeStack, StringComparison.Ordinal);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocateA(HakmemAllocator heap)
    {
        void* block = heap.Alloc(64);
        *(byte*)block = 1;
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocateB(HakmemAllocator heap)
    {
        void* block = heap.Alloc(64);
        *(byte*)block = 2;
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeIt(HakmemAllocator heap, void* block)
    {
        heap.Free(block);
        s_freed++;
    }
}
