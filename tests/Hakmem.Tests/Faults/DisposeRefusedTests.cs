using System;
using System.Collections.Generic;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// A heap whose memory the system does not take back when it is disposed. Alone, so that the next heap gets the first one's slot.
[Collection(AloneCollection.Name)]
public sealed unsafe class DisposeRefusedTests
{
    private const long ArenaBytes = 64L << 20;

    [Theory]
    [InlineData(3 << 20)]
    [InlineData(64)]
    public void WhatADisposedHeapCouldNotGiveBackIsNotTheNextHeaps(int bytes)
    {
        using TestArena test = new(ArenaBytes);
        HakmemAllocator first = new(new HakmemOptions(), test.Arena);
        void* block = first.Alloc((nuint)bytes);
        Pattern.Fill(block, (nuint)bytes, seed: 1);
        int lost = first.GetStatistics().SuperSlabsInUse;
        test.Os.Refuse(call => call is OsCall.Decommit or OsCall.Discard);
        first.Dispose();
        test.Os.RefuseNone();
        using HakmemAllocator second = new(new HakmemOptions(), test.Arena);
        AssertForeign(second, block);

        // Not even one that takes all there is: the arena gives back last what was used last.
        List<nint> all = TakeAll(second);
        Assert.Equal(test.Arena.SlabCount - lost, all.Count);
        AssertForeign(second, block);
        all.ForEach(each => second.Free((void*)each));
    }

    private static void AssertForeign(HakmemAllocator heap, void* block)
    {
        Assert.False(heap.Owns(block));
        Corruption.AssertReported(block, () => heap.Free(block));
    }

    // A block for each SuperSlab, all of which are zero.
    private static List<nint> TakeAll(HakmemAllocator heap)
    {
        List<nint> blocks = [];
        try
        {
            while (true)
            {
                void* block = heap.AllocZeroed(Geometry.SlabBytes);
                blocks.Add((nint)block);
                Pattern.VerifyZero(block, Geometry.SlabBytes);
            }
        }
        catch (OutOfMemoryException)
        {
            return blocks;
        }
    }
}
