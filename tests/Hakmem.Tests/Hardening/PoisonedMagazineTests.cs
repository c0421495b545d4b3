using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Hardening;

// With full hardening a thread has a few blocks of each class at hand, and its newest frees wait there for the
// quarantine. What lies there is as safe, as visible and as soon given back as anything else.
public sealed unsafe class PoisonedMagazineTests
{
    // One, less than a magazine, a magazine, more than one, more than what leaves the quarantine together.
    public static TheoryData<int> Counts { get; } = [1, 7, 64, 65, 200];

    [Theory]
    [MemberData(nameof(Counts))]
    public void WhatAnIdleThreadFreedGoesBackToItsSpan(int count)
    {
        using HakmemAllocator heap = NewHeap();
        Workers.RunAndHold(
            2, _ => FreeAll(heap, AllocMany(heap, count)), whileIdle: () =>
            {
                heap.Trim();
                AssertEmpty(heap.GetStatistics());
            });
    }

    [Theory]
    [MemberData(nameof(Counts))]
    public void WhatADeadThreadFreedGoesBackToItsSpan(int count)
    {
        using HakmemAllocator heap = NewHeap();
        Workers.RunOne(() => FreeAll(heap, AllocMany(heap, count)));
        heap.Trim();
        AssertEmpty(heap.GetStatistics());
    }

    [Theory]
    [MemberData(nameof(Counts))]
    public void BlocksInMagazinesAreNotLive(int count)
    {
        using HakmemAllocator heap = NewHeap();
        nint[] blocks = AllocMany(heap, count);
        Assert.Equal(count, heap.GetStatistics().LiveBlocks);
        FreeAll(heap, blocks);
        HakmemStatistics statistics = heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.True(statistics.CachedBytes >= 64 * count, $"{statistics.CachedBytes} bytes are cached.");
    }

    [Theory]
    [MemberData(nameof(Counts))]
    public void ATrimTellsOfAWriteToAnyBlockThatItsThreadFreed(int count)
    {
        for (int written = 0; written < count; written += 1 + (count / 10))
        {
            using HakmemAllocator heap = NewHeap();
            nint[] blocks = AllocMany(heap, count);
            FreeAll(heap, blocks);
            *((byte*)blocks[written] + 5) = 0x41;
            Corruption.AssertReported((void*)blocks[written], heap.Trim);
            heap.Trim();
            AssertEmpty(heap.GetStatistics());
        }
    }

    [Fact]
    public void NoBlockComesBackBeforeItHasBeenInQuarantine()
    {
        using HakmemAllocator heap = NewHeap();
        HashSet<nint> freed = [];
        for (int i = 0; i < 5_000; i++)
        {
            nint block = (nint)heap.Alloc(64);
            Assert.DoesNotContain(block, freed);
            freed.Add(block);
            heap.Free((void*)block);
        }
    }

    private static HakmemAllocator NewHeap() => new(new HakmemOptions { Hardening = HardeningLevel.Full });

    private static nint[] AllocMany(HakmemAllocator heap, int count)
    {
        nint[] blocks = new nint[count];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = (nint)heap.Alloc(64);
        }

        return blocks;
    }

    private static void FreeAll(HakmemAllocator heap, nint[] blocks)
    {
        foreach (nint block in blocks)
        {
            heap.Free((void*)block);
        }
    }

    private static void AssertEmpty(HakmemStatistics statistics)
    {
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
    }
}
