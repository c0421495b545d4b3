using System.Collections.Generic;
using Xunit;

namespace Hakmem.Tests.Guarded;

public sealed unsafe class RandomPlacementTests
{
    [Fact]
    public void FullHardeningHandsBlocksOutInNoOrder()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Full });
        HashSet<nint> distances = [];
        nint last = (nint)heap.Alloc(64);
        for (int i = 0; i < 200; i++)
        {
            nint next = (nint)heap.Alloc(64);
            distances.Add(next - last);
            last = next;
        }

        Assert.True(distances.Count > 100, $"200 blocks lie only {distances.Count} different distances apart.");
    }

    [Fact]
    public void AFreedBlockDoesNotComeBackWhileTheQuarantineHasRoom()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Full });
        foreach (nuint size in new nuint[] { 64, 100_000 })
        {
            nint freed = (nint)heap.Alloc(size);
            heap.Free((void*)freed);
            for (int i = 0; i < 100; i++)
            {
                Assert.NotEqual(freed, (nint)heap.Alloc(size));
            }
        }
    }
}
