using System;
using System.Linq;
using Hakmem.AspNetCore.Pooling;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

public sealed class SlabTableTests
{
    private readonly SlabTable _table = new();

    [Fact]
    public void BlocksComeFromTheLowestSlab()
    {
        AddSlabs(3);
        PinnedBlock[] blocks = Take(96);
        Assert.Equal([0, 1, 2], blocks.Select(block => block.Slab!.Slot).Distinct());
        Assert.Empty(Take(1));
        _table.Put(blocks[95]);
        _table.Put(blocks[40]);
        _table.Put(blocks[3]);
        Assert.Equal([0, 1, 2], Take(3).Select(block => block.Slab!.Slot));
        Assert.Null(_table.FindBrokenRule());
    }

    [Fact]
    public void TheHighestSlabsAreGivenUpFirstAndOnlyWhollyFreeOnes()
    {
        AddSlabs(130);
        PinnedBlock[] blocks = Take(130 * 32);
        Array.ForEach(blocks, _table.Put);
        PinnedBlock kept = Take(1)[0];
        Assert.Equal(0, kept.Slab!.Slot);
        Assert.Equal(129, _table.WhollyFreeSlabs);
        Assert.Equal(100, Evict(100));
        Assert.Null(_table.FindBrokenRule());
        Assert.Equal(30, _table.SlabCount);
        Assert.Equal(29, Evict(int.MaxValue));
        Assert.Equal(1, _table.SlabCount);
        Assert.Equal(31, _table.FreeBlocks);

        // Slots are used again.
        AddSlabs(1);
        Assert.Equal(2, _table.SlabCount);
        Assert.Equal(1, Take(63)[62].Slab!.Slot);
        Assert.Null(_table.FindBrokenRule());
    }

    [Fact]
    public void TheLowWaterIsTheFewestFreeSlabsSinceTheMark()
    {
        AddSlabs(4);
        _table.MarkLowWater();
        PinnedBlock[] blocks = Take(70);
        Assert.Equal(1, _table.WhollyFreeLowWater);
        Array.ForEach(blocks, _table.Put);
        Assert.Equal(4, _table.WhollyFreeSlabs);
        Assert.Equal(1, _table.WhollyFreeLowWater);
        _table.MarkLowWater();
        Assert.Equal(4, _table.WhollyFreeLowWater);
        Assert.Null(_table.FindBrokenRule());
    }

    [Fact]
    public void BlocksOfASlabAreAlignedToCacheLinesAndDoNotOverlap()
    {
        AddSlabs(1);
        nint[] addresses = [.. Take(32).Select(AddressOf).Order()];
        Assert.All(addresses, address => Assert.Equal(0, address % 64));
        Assert.All(addresses.Zip(addresses.Skip(1)), pair => Assert.Equal(4096, pair.Second - pair.First));
    }

    private static unsafe nint AddressOf(PinnedBlock block)
    {
        using System.Buffers.MemoryHandle handle = block.Memory.Pin();
        return (nint)handle.Pointer;
    }

    // Every slab that is dropped is in the list, once.
    private int Evict(int most)
    {
        PinnedSlab? released = null;
        int evicted = _table.Release(most, ref released);
        int listed = 0;
        for (PinnedSlab? slab = released; slab is not null; slab = slab.NextReleased)
        {
            Assert.True(slab.IsWhollyFree && slab.Slot < 0);
            listed++;
        }

        Assert.Equal(evicted, listed);
        return evicted;
    }

    private void AddSlabs(int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (_table.SlabCount == _table.Capacity)
            {
                _table.Adopt(SlabTable.MakeRoom(_table.Capacity));
            }

            _table.Add(new PinnedSlab());
        }
    }

    private PinnedBlock[] Take(int most)
    {
        PinnedBlock[] blocks = new PinnedBlock[most];
        return blocks[.._table.Take(blocks)];
    }
}
