using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Regions;

// The thread-safe kind under four threads, and one region for each of four threads within one.
[Category(TestCategory.Stress)]
public sealed unsafe class SharedRegionTests
{
    private const int Threads = 4;
    private const int Blocks = 3_000;

    public static TheoryData<string> Heaps => RegionHeaps.All;

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ThreadsOfOneRegionGetBlocksOfTheirOwn(string kind) => Seeded.Run(seed =>
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{Seeded.SeedVariable}={seed}");
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        (long, long) before = RegionHeaps.LiveOf(heap);
        using (MemoryRegion region = heap.CreateRegion(new() { IsShared = true, ChunkBytes = 4_096 }))
        {
            for (int round = 0; round < 3; round++)
            {
                long[] used = new long[Threads];
                Workers.Run(
                    Threads, index => used[index] = FillAndVerify(region, seed + (round * Threads) + index, index));
                long sum = 0;
                Array.ForEach(used, bytes => sum += bytes);
                Assert.Equal(sum, region.UsedBytes);
                Assert.True(region.CommittedBytes >= sum);
                region.Reset();
            }
        }

        Assert.Equal(before, RegionHeaps.LiveOf(heap));
        Assert.True(heap.Verify().IsSound);
    });

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ThreadsWithARegionEachShareTheOuterOnesLimit(string kind) => Seeded.Run(seed =>
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        (long, long) before = RegionHeaps.LiveOf(heap);
        using (MemoryRegion outer = heap.CreateRegion(new() { MaxBytes = 64 << 20 }))
        {
            for (int round = 0; round < 3; round++)
            {
                MemoryRegion[] inner = new MemoryRegion[Threads];
                for (int i = 0; i < Threads; i++)
                {
                    inner[i] = outer.CreateRegion();
                }

                Workers.Run(Threads, index =>
                {
                    MemoryRegion region = inner[index];
                    long used = FillAndVerify(region, seed + (round * Threads) + index, index);
                    Assert.Equal(used, region.UsedBytes);
                    if (index % 2 == 0)
                    {
                        region.Dispose();
                    }
                });
                outer.Reset();
                Assert.Equal(0, outer.CommittedBytes);
            }
        }

        Assert.Equal(before, RegionHeaps.LiveOf(heap));
    });

    // Returns how many bytes were used.
    private static long FillAndVerify(MemoryRegion region, int seed, int thread)
    {
        Random random = new(seed);
        List<(nint Block, nuint Bytes, uint Mark)> blocks = [];
        long used = 0;
        for (int i = 0; i < Blocks; i++)
        {
            nuint bytes = (nuint)(i % 100 == 0 ? random.Next(20_000) : random.Next(300));
            uint mark = (uint)((thread << 24) + i);
            void* block = region.Alloc(bytes);
            Pattern.Fill(block, bytes, mark);
            blocks.Add(((nint)block, bytes, mark));
            used += Math.Max(16, ((long)bytes + 15) & ~15);
        }

        blocks.ForEach(block => Pattern.Verify((void*)block.Block, block.Bytes, block.Mark));
        return used;
    }
}
