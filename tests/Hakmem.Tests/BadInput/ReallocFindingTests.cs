using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Damage that comes to light when Realloc has moved a block and frees the old one. Somebody has to own the new one.
public sealed unsafe class ReallocFindingTests
{
    [Fact]
    public void DamageToAnotherBlockIsToldByTheNextTrim()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Full, QuarantineBytes = 10_000 });
        nint damaged = FreeMany(heap);
        *(byte*)damaged = 1;
        List<nint> moved = [];
        for (int i = 0; i < 300; i++)
        {
            byte* block = (byte*)heap.Alloc(64);
            block[63] = (byte)i;
            block = (byte*)heap.Realloc(block, 200);
            Assert.Equal((byte)i, block[63]);
            moved.Add((nint)block);
        }

        Assert.Equal(moved.Count, heap.GetStatistics().LiveBlocks);
        Corruption.AssertReported((void*)damaged, heap.Trim);
        moved.ForEach(block => heap.Free((void*)block));
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [InlineData(5_001, 20_000)]
    [InlineData(5_001, 100)]
    [InlineData(300_001, 900_000)]
    public void DamageToTheBlockItselfLeavesNothingBehind(int before, int after)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Full });
        byte* block = (byte*)heap.Alloc((nuint)before);
        block[before] = 0x41;
        Corruption.AssertReported(block, () => heap.Realloc(block, (nuint)after));
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Corruption.AssertReported(block, () => heap.Free(block));
        heap.Trim();
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
    }

    // So many that the first of them has left the thread's magazine for the quarantine; gives it.
    private static nint FreeMany(HakmemAllocator heap)
    {
        List<nint> blocks = [];
        for (int i = 0; i < 100; i++)
        {
            blocks.Add((nint)heap.Alloc(64));
        }

        blocks.ForEach(block => heap.Free((void*)block));
        return blocks[0];
    }
}
