using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// A request fails, and what others free afterwards lies in caches: the next request gets it at once, although the round
// that returns it was in vain a moment ago. The failed rounds here take so long that the next one by time alone is a
// second away. On a machine so slow that the second passes, a test may pass where it should fail, never the reverse.
public sealed unsafe class RoomAfterFailureTests
{
    private const long Limit = 24L << 20;
    private const int ThreadCount = 2;

    // No small block was live when the request failed, and none is now.
    [Fact]
    public void WhatARunLeftAndIdleThreadsFreedIsRoom()
    {
        using TestArena test = new();
        using HakmemAllocator heap = LimitedHeap(test);
        void* run = heap.Alloc((nuint)Limit);
        FailSlowly(heap, BlockSizes.SuperSlab);
        heap.Free(run);
        AssertRoomBesideIdleThreads(heap);
    }

    [Fact]
    public void WhatGrowableRunsLeftAndIdleThreadsFreedIsRoom()
    {
        using TestArena test = new();
        using HakmemAllocator heap = LimitedHeap(test);
        nint[] runs = new nint[16];
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i] = (nint)heap.Realloc(heap.Alloc(BlockSizes.Mid), BlockSizes.MiB);
        }

        Assert.All(heap.GetHeapMap().SuperSlabs, slab => Assert.Contains(slab.Units.ToArray(), unit => unit.Kind == UnitKind.GrowableRun));
        FailSlowly(heap, 20 * BlockSizes.MiB);
        Array.ForEach(runs, run => heap.Free((void*)run));
        AssertRoomBesideIdleThreads(heap);
    }

    [Fact]
    public void WhatAnotherHeapLeftAndIdleThreadsFreedIsRoom()
    {
        using TestArena test = new(Limit);
        using HakmemAllocator other = new(new HakmemOptions(), test.Arena);
        using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
        long free = test.Arena.ReservedBytes - test.CommittedBytes;
        void* taken = other.Alloc((nuint)free);
        FailSlowly(heap, BlockSizes.SuperSlab);
        other.Free(taken);
        other.Trim();
        AssertRoomBesideIdleThreads(heap);
    }

    // The busy thread's cache could not be emptied, which is why the request failed. Beside an idle thread, which a round
    // for no reason would disturb.
    [Fact]
    public void WhatAThreadLeftThatHasEndedIsRoom()
    {
        using TestArena test = new();
        using HakmemAllocator heap = LimitedHeap(test);
        Workers.RunAndHold(1, _ => heap.Free(heap.Alloc(BlockSizes.Tiny)), whileIdle: () =>
        {
            FailBesideBusyThread(heap);
            AssertHasAll(heap);
        });
    }

    // The busy thread has ended when this returns.
    private static void FailBesideBusyThread(HakmemAllocator heap)
    {
        using ManualResetEventSlim isReady = new();
        bool isOver = false;
        Thread busy = new(() =>
        {
            heap.Free(heap.Alloc(BlockSizes.Tiny));
            isReady.Set();
            while (!Volatile.Read(ref isOver))
            {
                Thread.SpinWait(100);
            }
        });
        busy.Start();
        try
        {
            isReady.Wait();
            FailSlowly(heap, (nuint)Limit);
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            busy.Join();
        }
    }

    // Untagged requests that need what the tagged blocks of two threads have left in their caches, one after the other:
    // a round that served one is no reason against the next. The first takes so long that none is due by time.
    [Fact]
    public void RoundsOfTaggedBlocksThatServedAreRepeated()
    {
        using TestArena test = new();
        using HakmemAllocator heap = LimitedHeap(test);
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = heap.ForTag(tag);
        UninterruptibleLock purge = ((Heap)heap.LiveHeap!).Sibling!.SuperSlabs.PurgeLock;
        Workers.RunAndHold(1, _ => FillAndEmpty(view), whileIdle: () =>
        {
            FillAndEmpty(view);
            Thread holder = HoldUntilWaitedFor(purge);
            AssertHasAll(heap);
            holder.Join();
            for (int i = 0; i < 3; i++)
            {
                // So that the tagged blocks need no round of their own, which would forget the failure.
                heap.Trim();
                FillAndEmpty(view);
                AssertHasAll(heap);
            }
        });
    }

    private static void FillAndEmpty(IHakmemAllocator allocator)
    {
        List<Block> blocks = [];
        for (long bytes = 0; bytes < Limit / 2; bytes += (long)BlockSizes.Mid)
        {
            blocks.Add(Block.Allocate(allocator, BlockSizes.Mid, (uint)blocks.Count));
        }

        blocks.ForEach(block => block.VerifyAndFree(allocator));
    }

    private static HakmemAllocator LimitedHeap(TestArena test) => new(new HakmemOptions { MaxBytes = Limit }, test.Arena);

    // Has threads fill their caches with blocks from everywhere, and makes a request that needs all of the limit.
    private static void AssertRoomBesideIdleThreads(HakmemAllocator heap) =>
        Workers.RunAndHold(
            ThreadCount,
            _ =>
            {
                List<Block> blocks = [];
                for (long bytes = 0; bytes < Limit / ThreadCount / 2; bytes += (long)BlockSizes.Mid)
                {
                    blocks.Add(Block.Allocate(heap, BlockSizes.Mid, (uint)blocks.Count));
                }

                blocks.ForEach(block => block.VerifyAndFree(heap));
            },
            whileIdle: () => AssertHasAll(heap));

    private static void AssertHasAll(HakmemAllocator heap)
    {
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.True(heap.TryAlloc((nuint)Limit, out void* all), "Nothing is in use, and the limit is not to be had.");
        heap.Free(all);
    }

    // A round waits for a purge by another thread, here for many times the part of a second after which the next may
    // start by time.
    private static void FailSlowly(HakmemAllocator heap, nuint byteCount)
    {
        long rounds = heap.ReclaimRounds;
        Thread holder = HoldUntilWaitedFor(((Heap)heap.LiveHeap!).SuperSlabs.PurgeLock);
        Assert.False(heap.TryAlloc(byteCount, out _));
        holder.Join();
        Assert.Equal(rounds + 1, heap.ReclaimRounds);
    }

    private static Thread HoldUntilWaitedFor(UninterruptibleLock purge)
    {
        using ManualResetEventSlim isHeld = new();
        Thread holder = new(() =>
        {
            using (purge.Enter())
            {
                isHeld.Set();
                SpinWait.SpinUntil(() => purge.IsWaitedFor);
                Thread.Sleep(50);
            }
        })
        {
            IsBackground = true,
        };
        holder.Start();
        isHeld.Wait();
        return holder;
    }
}
