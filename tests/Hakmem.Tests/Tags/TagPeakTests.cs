using System.Threading;
using Hakmem.Tags;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Tags;

// The most bytes that a tag had at a time: those of its blocks, and not those that were asked for in vain.
public sealed unsafe class TagPeakTests
{
    // The tag has room, and the heap has not; what a resize may have needed is not what it got.
    [Theory]
    [MemberData(nameof(MemoryTagTests.Kinds), MemberType = typeof(MemoryTagTests))]
    public void WhatTheHeapRefusesIsInNoPeak(string kind)
    {
        nuint tooMuch = (nuint)1 << 33;
        using HakmemAllocator heap = MemoryTagTests.New(kind);
        heap.SetLimits(0, 16 << 20);
        using MemoryTag parent = new("parent", null, 1L << 30);
        using MemoryTag child = new("child", parent, 0, long.MaxValue);
        IHakmemAllocator view = heap.ForTag(child);
        void* block = view.Alloc(100_000);
        long size = (long)view.UsableSize(block);
        Assert.False(view.TryAlloc(tooMuch, out _));
        Assert.False(view.TryAlignedAlloc(tooMuch, 4096, out _));
        Assert.False(view.TryExpand(block, tooMuch));
        void* same = block;
        Assert.False(view.TryRealloc(ref same, tooMuch));
        Assert.Equal((nint)block, (nint)same);
        Assert.Equal((size, size), (child.PeakBytes, parent.PeakBytes));
        Assert.False(parent.Account.Budget.IsAboveSoft);
        block = view.Realloc(block, 1_000_001);
        Assert.Equal(child.LiveBytes, child.PeakBytes);
        view.Free(block);
        Assert.True(heap.GetStatistics().PeakCommittedBytes <= 16 << 20);
    }

    // What a parent refuses is in nobody's peak, although another thread counts beside it.
    [Fact]
    public void RefusedBytesAreInNoPeak()
    {
        const long TooMuch = 1L << 40;
        using MemoryTag parent = new("parent", null, 0, 1 << 20);
        using MemoryTag child = new("child", parent, 1 << 20);
        TagAccount account = child.Account;
        bool isOver = false;
        Workers.Run(2, index =>
        {
            try
            {
                for (int i = 0; index == 0 ? i < 100_000 : !Volatile.Read(ref isOver); i++)
                {
                    if (index == 0)
                    {
                        Assert.NotNull(account.TryCharge(TooMuch, isCounted: false));
                    }
                    else if (account.TryCharge(64, isCounted: false) is null)
                    {
                        account.NoteGrowth();
                        account.Add(-64);
                    }
                }
            }
            finally
            {
                Volatile.Write(ref isOver, true);
            }
        });
        Assert.InRange(child.PeakBytes, 0, 64);
        Assert.InRange(parent.PeakBytes, 0, 64);
        Assert.False(account.Budget.IsAboveSoft);
    }

    // The two halves of the heap are read one after the other.
    [Fact]
    public void StatisticsBesideAllocationsKeepToTheLimit()
    {
        const long Limit = 16 << 20;
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = Limit });
        using MemoryTag tag = new("tag");
        IHakmemAllocator[] halves = [heap, heap.ForTag(tag)];
        bool isOver = false;
        Workers.Run(3, index =>
        {
            if (index == 2)
            {
                try
                {
                    long peak = 0;
                    for (int i = 0; i < 5_000; i++)
                    {
                        HakmemStatistics statistics = heap.GetStatistics();
                        Assert.InRange(statistics.CommittedBytes, 0, Limit);
                        Assert.InRange(statistics.PeakCommittedBytes, peak, Limit);
                        peak = statistics.PeakCommittedBytes;
                    }
                }
                finally
                {
                    Volatile.Write(ref isOver, true);
                }
            }

            while (!Volatile.Read(ref isOver))
            {
                // The two have no room for both, so that each commits what the other has given back.
                if (halves[index].TryAlloc((nuint)Limit * 3 / 4, out void* block))
                {
                    halves[index].Free(block);
                }
            }
        });
    }
}
