using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Support;

// The model of a heap: every live block with all its usable bytes filled, sorted by address, so that an overlap is found when a
// block is added and a stray write when one is verified. Not thread-safe.
internal sealed unsafe class BlockLedger(IHakmemAllocator heap)
{
    private readonly SortedList<nint, Block> _blocks = [];
    private uint _nextSeed;

    public int Count => _blocks.Count;

    // What LiveBytes of the heap's statistics must be.
    public long UsableBytes { get; private set; }

    public IEnumerable<Block> Blocks => _blocks.Values;

    public Block this[int index] => _blocks.Values[index];

    public Block Allocate(nuint bytes) => Add(heap.Alloc(bytes), bytes);

    public Block AllocateZeroed(nuint bytes)
    {
        void* pointer = heap.AllocZeroed(bytes);
        Pattern.VerifyZero(pointer, bytes);
        return Add(pointer, bytes);
    }

    public Block AllocateAligned(nuint bytes, nuint alignment)
    {
        void* pointer = heap.AlignedAlloc(bytes, alignment);
        Assert.True((nuint)pointer % alignment == 0, $"AlignedAlloc({bytes}, {alignment}) gave 0x{(nuint)pointer:x}.");
        return Add(pointer, bytes);
    }

    // Takes a new block into the model: checks it against its neighbours and fills every usable byte.
    public Block Add(void* pointer, nuint askedBytes)
    {
        Assert.True(pointer is not null, $"A block of {askedBytes} bytes came as null.");
        Assert.True((nuint)pointer % 16 == 0, $"A block of {askedBytes} bytes came at 0x{(nuint)pointer:x}, no multiple of 16.");
        nuint usable = heap.UsableSize(pointer);
        Assert.True(usable >= askedBytes, $"A block of {askedBytes} bytes has only {usable} usable bytes.");
        Assert.True(heap.Owns(pointer), $"The heap does not own the block at 0x{(nuint)pointer:x} that it handed out.");

        Assert.False(_blocks.ContainsKey((nint)pointer), $"The block at 0x{(nuint)pointer:x} was handed out twice.");
        Block block = Block.Filled(pointer, usable, _nextSeed++);
        _blocks.Add(block.Address, block);
        int index = _blocks.IndexOfKey(block.Address);
        AssertApart(index - 1, index);
        AssertApart(index, index + 1);
        UsableBytes += (long)usable;
        return block;
    }

    // Verifies a block and takes it out of the model; the caller frees or resizes it.
    public Block Remove(int index)
    {
        Block block = _blocks.Values[index];
        block.Verify();
        _blocks.RemoveAt(index);
        UsableBytes -= (long)block.Bytes;
        return block;
    }

    public void Free(int index) => heap.Free(Remove(index).Pointer);

    public Block Resize(int index, nuint bytes)
    {
        Block old = Remove(index);
        void* moved = heap.Realloc(old.Pointer, bytes);
        Pattern.Verify(moved, nuint.Min(old.Bytes, bytes), old.Seed);
        return Add(moved, bytes);
    }

    public void VerifyAll()
    {
        foreach (Block block in _blocks.Values)
        {
            block.Verify();
        }
    }

    // In an order that is neither that of the addresses nor that of the allocations.
    public void FreeAll()
    {
        Block[] blocks = [.. _blocks.Values];
        new Random(blocks.Length).Shuffle(blocks);
        foreach (Block block in blocks)
        {
            block.VerifyAndFree(heap);
        }

        _blocks.Clear();
        UsableBytes = 0;
    }

    public void AssertStatisticsMatch()
    {
        HakmemStatistics statistics = heap.GetStatistics();
        Assert.Equal(Count, statistics.LiveBlocks);
        Assert.Equal(UsableBytes, statistics.LiveBytes);
    }

    public override string ToString() => string.Join(", ", _blocks.Values.Select(block => $"0x{block.Address:x}+{block.Bytes}"));

    private void AssertApart(int lower, int upper)
    {
        if (lower >= 0 && upper < _blocks.Count)
        {
            Block a = _blocks.Values[lower];
            Block b = _blocks.Values[upper];
            Assert.True(
                a.Address + (nint)a.Bytes <= b.Address,
                $"Blocks overlap: 0x{a.Address:x}+{a.Bytes} and 0x{b.Address:x}+{b.Bytes}.");
        }
    }
}
