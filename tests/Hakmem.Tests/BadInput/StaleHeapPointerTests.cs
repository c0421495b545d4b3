using System.Collections.Generic;
using System.Linq;
using Hakmem.Heaps;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Pointers into a heap that has been disposed, handed to the heaps that come after it; and what becomes of its
// addresses and its slot.
public sealed unsafe class StaleHeapPointerTests
{
    // So many heaps come and go at least before one gets what a disposed one had.
    private const int Heaps = 100;

    [Fact]
    public void FreeOfPointerIntoDisposedHeapIsRefused()
    {
        using TestArena test = new(1L << 30);
        List<nint> stale = [];
        for (int i = 0; i < Heaps; i++)
        {
            using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
            nint[] blocks = [.. BlockSizes.Classes.Where(size => size <= 4_096).Select(size => (nint)heap.Alloc(size)), (nint)heap.Alloc(BlockSizes.Large)];
            foreach (nint pointer in stale)
            {
                Corruption.AssertReported((void*)pointer, () => heap.Free((void*)pointer));
            }

            stale = [.. stale.Concat(blocks).Where((_, index) => index % 7 == i % 7)];
        }
    }

    [Fact]
    public void LargeHeapsAddressesAreNotHandedOutNext()
    {
        // More SuperSlabs than rest in any case: as many as were taken at a time rest.
        using TestArena test = new(4L << 30);
        HashSet<nint> stale = [];
        using (HakmemAllocator heap = new(new HakmemOptions(), test.Arena))
        {
            while (heap.GetStatistics().SuperSlabsInUse < 400)
            {
                stale.Add((nint)heap.Alloc(BlockSizes.MiB));
            }
        }

        using HakmemAllocator next = new(new HakmemOptions(), test.Arena);
        while (next.GetStatistics().SuperSlabsInUse < 400)
        {
            Assert.DoesNotContain((nint)next.Alloc(BlockSizes.MiB), stale);
        }
    }

    [Fact]
    public void AddressesThatRestAreUsedBeforeMemoryIsOut()
    {
        using TestArena test = new(64L << 20);
        for (int i = 0; i < 10; i++)
        {
            using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
            Assert.True(heap.TryAlloc(64 << 20, out _));
        }
    }

    [Fact]
    public void SlotFreeLongestIsHandedOutFirst()
    {
        HeapSlots slots = new();
        List<int> taken = [.. Enumerable.Range(0, 300).Select(_ => slots.TryTake())];
        Assert.Equal(Enumerable.Range(1, 300), taken);
        taken.ForEach(slots.Return);
        Assert.Equal(taken.Take(300 - HeapSlots.Rested + 1), Enumerable.Range(0, 300 - HeapSlots.Rested + 1).Select(_ => slots.TryTake()));
        Assert.Equal(301, slots.TryTake());
    }

    [Fact]
    public void LoopOfHeapsStaysWithinFewSlots()
    {
        HeapSlots slots = new();
        int[] taken = new int[10_000];
        for (int i = 0; i < taken.Length; i++)
        {
            taken[i] = slots.TryTake();
            slots.Return(taken[i]);
        }

        Assert.Equal(HeapSlots.Rested, taken.Max());
        Assert.Equal(taken[..HeapSlots.Rested], taken[HeapSlots.Rested..(2 * HeapSlots.Rested)]);
    }

    [Fact]
    public void EverySlotIsHandedOutOnceWhereAllAreTaken()
    {
        HeapSlots slots = new();
        int[] taken = [.. Enumerable.Range(0, HeapSlots.Max - 1).Select(_ => slots.TryTake())];
        Assert.Equal(HeapSlots.Max - 1, taken.Distinct().Count());
        Assert.DoesNotContain(HeapSlots.Shared, taken);
        Assert.Equal(-1, slots.TryTake());
        slots.Return(77);
        Assert.Equal(77, slots.TryTake());
        Assert.Equal(-1, slots.TryTake());
    }

    [Fact]
    public void SlotOfHeapIsTakenUntilItsMemoryIsGone()
    {
        // A slot that is returned first lets the next heap take over what this one is just giving up: its entries and
        // its places in threads' tables.
        using TestArena test = new();
        HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
        int slot = PageMapEntry.Decode(test.Arena.EntryOf(heap.Alloc(64))).HeapSlot;
        List<bool> whileGivingUp = [];
        test.Os.Refuse(call =>
        {
            if (call == OsCall.Decommit)
            {
                whileGivingUp.Add(HeapSlots.Process.IsTaken(slot));
            }

            return false;
        });
        heap.Dispose();
        Assert.Equal([true], whileGivingUp);
    }

    [Fact]
    public void LoopOfHeapsStaysWithinFewAddresses()
    {
        using TestArena test = new(1L << 30);
        HashSet<nuint> addresses = [];
        for (int i = 0; i < 2_000; i++)
        {
            using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
            addresses.Add((nuint)heap.Alloc(64) & ~(nuint)(Geometry.SlabBytes - 1));
        }

        Assert.InRange(addresses.Count, Heaps, 2 * Heaps);
    }
}
