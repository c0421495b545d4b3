using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Guarded;

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

    [Theory]
    [MemberData(nameof(Counts))]
    public void ATrimTellsOfAWriteToABlockThatAnIdleThreadFreed(int count)
    {
        using HakmemAllocator heap = NewHeap();
        nint written = 0;
        Workers.RunAndHold(
            1,
            _ =>
            {
                nint[] blocks = AllocMany(heap, count);
                FreeAll(heap, blocks);
                written = blocks[count - 1];
                *((byte*)written + 5) = 0x41;
            },
            whileIdle: () => Corruption.AssertReported((void*)written, heap.Trim));
        heap.Trim();
        AssertEmpty(heap.GetStatistics());
    }

    [Fact]
    public void ATrimTellsOfAWriteToABlockThatADeadThreadFreed()
    {
        // This thread has a cache of its own, and takes over none.
        using HakmemAllocator heap = NewHeap();
        heap.Free(heap.Alloc(200));
        nint written = 0;
        Workers.RunOne(() =>
        {
            nint[] blocks = AllocMany(heap, 3);
            FreeAll(heap, blocks);
            written = blocks[1];
            *((byte*)written + 5) = 0x41;
        });
        Corruption.AssertReported((void*)written, heap.Trim);
    }

    // New blocks hold poison, too; those of a span of one class lie in one unit.
    [Fact]
    public void AWriteToABlockThatWasNeverHandedOutIsToldByTheAllocThatFindsIt()
    {
        using HakmemAllocator heap = NewHeap();
        nint first = (nint)heap.Alloc(1_024);
        nint unit = first & ~0xFFFF;
        for (nint other = unit; other < unit + (64 << 10); other += 1_024)
        {
            if (other != first)
            {
                *((byte*)other + 1_000) = 0x41;
            }
        }

        HakmemCorruptionException finding = Assert.Throws<HakmemCorruptionException>(() => heap.Alloc(1_024));
        Assert.Equal(unit, (nint)finding.Address & ~0xFFFF);
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
    }

    // Other sizes, a small budget and the reaper empty magazines as well: into the quarantine.
    [Theory]
    [InlineData(0)]
    [InlineData(256 << 10)]
    public void NoBlockComesBackBeforeItsTurnWhateverEmptiesTheMagazines(int cacheBytes) =>
        Seeded.Run(seed => UseManySizes(new Random(seed), cacheBytes));

    private static void UseManySizes(Random random, int cacheBytes)
    {
        const long QuarantineBytes = 4 << 20;
        HakmemOptions options = new()
        {
            Hardening = HardeningLevel.Full,
            QuarantineBytes = QuarantineBytes,
            PurgeDelay = TimeSpan.FromMilliseconds(40),
        };
        using HakmemAllocator heap = new(cacheBytes == 0 ? options : options with { ThreadCacheBytes = cacheBytes });
        Dictionary<nint, long> freedAt = [];
        long freedBytes = 0;
        for (int i = 0; i < 60_000; i++)
        {
            nuint size = (nuint)random.Next(500, 1_025);
            nint block = (nint)heap.Alloc(size);
            if (freedAt.TryGetValue(block, out long at))
            {
                Assert.InRange(freedBytes - at, QuarantineBytes * 7 / 8, long.MaxValue);
            }

            freedAt[block] = freedBytes;
            freedBytes += (long)heap.UsableSize((void*)block);
            heap.Free((void*)block);
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
