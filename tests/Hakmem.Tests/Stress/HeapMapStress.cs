using System;
using Hakmem.Tests.Heaps;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// Maps taken while other threads open and close spans, grow blocks in place and hand SuperSlabs back and forth: each is well formed, and the last
// one, with the threads gone, matches the statistics.
public sealed class HeapMapStress
{
    private const int Workers = 4;
    private const int StepsPerWorker = 10_000;
    private const int Maps = 200;

    [Theory]
    [InlineData(LazyZeroMode.Immediate)]
    [InlineData(LazyZeroMode.Deferred)]
    public unsafe void EveryMapIsWellFormedWhateverIsGoingOn(LazyZeroMode lazyZero) => Seeded.Run(seed =>
    {
        // Nothing decays meanwhile: the last map is compared with statistics that are taken after it.
        HakmemOptions options = new() { LazyZero = lazyZero, ThreadCacheBytes = 64 << 10, SuperSlabCacheCount = 4, PurgeDelay = TimeSpan.FromDays(1) };
        using HakmemAllocator heap = new(options);
        Support.Workers.Run(Workers + 1, index =>
        {
            if (index == Workers)
            {
                for (int map = 0; map < Maps; map++)
                {
                    MapAudit.AssertWellFormed(heap.GetHeapMap());
                }
            }
            else
            {
                Churn(heap, new Random(seed + index));
            }
        });
        MapAudit.AssertMatchesStatistics(heap);
        heap.Trim();
        Assert.Empty(heap.GetHeapMap().SuperSlabs);
    });

    private static void Churn(HakmemAllocator heap, Random random)
    {
        Block[] slots = new Block[60];
        for (int step = 0; step < StepsPerWorker; step++)
        {
            ref Block slot = ref slots[random.Next(slots.Length)];
            if (slot == default)
            {
                slot = Block.Allocate(heap, RandomSize(random), (uint)step);
            }
            else if (slot.Bytes > 60_000 && random.Next(2) == 0)
            {
                slot = slot.Resize(heap, slot.Bytes + (nuint)random.Next(1, 200_000), (uint)step);
            }
            else
            {
                slot.VerifyAndFree(heap);
                slot = default;
            }
        }

        foreach (Block block in slots)
        {
            if (block != default)
            {
                block.VerifyAndFree(heap);
            }
        }
    }

    private static nuint RandomSize(Random random) => random.Next(200) switch
    {
        0 => (nuint)random.Next(1 << 20, 5 << 20),
        < 8 => (nuint)random.Next(64 << 10, 300 << 10),
        < 40 => (nuint)random.Next(1 << 10, 64 << 10),
        _ => (nuint)random.Next(0, 2_000),
    };
}
