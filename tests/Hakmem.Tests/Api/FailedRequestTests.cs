using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Api;

// What a request that cannot be served costs everybody else: giving back all that is unused, once for what has been
// freed. Counted in rounds, not in time. The threads here wait, or have ended, while another makes a request, so that
// all of their caches can be had.
public sealed unsafe class FailedRequestTests
{
    private const long Limit = 24L << 20;
    private const int Requests = 200;

    public static TheoryData<string> Limits { get; } = ["MaxBytes", "container", "refused commits"];

    public static TheoryData<string, long> LimitsAndSizes { get; } = new MatrixTheoryData<string, long>(
        ["MaxBytes", "container", "refused commits"], [16, 64, 1_024, 4_096, 64 << 10, 1 << 20, 2 << 20]);

    [Theory]
    [MemberData(nameof(Limits))]
    public void RequestsThatFailInALoopGiveBackOnce(string kind)
    {
        using FullHeap full = new(kind);
        HakmemAllocator heap = full.Heap;
        using NativeMemoryPool pool = new(heap);
        Workers.Run(1, _ => full.Fill(1_024));
        full.Fill(64);
        void* kept = (void*)full.Blocks[^1];
        foreach (nuint size in new nuint[] { 4 << 20, 1 << 20, 64 << 10, 2_048, 64 })
        {
            Assert.False(heap.TryAlloc(size, out _));
            long rounds = heap.ReclaimRounds;
            Assert.True(rounds > 0);
            for (int i = 0; i < Requests; i++)
            {
                Assert.False(heap.TryAlloc(size, out _));
                Assert.Throws<OutOfMemoryException>(() => heap.Alloc(size));
                Assert.Throws<OutOfMemoryException>(() => heap.AllocZeroed(size));
                Assert.Throws<OutOfMemoryException>(() => heap.AlignedAlloc(size, 4_096));
                Assert.Throws<OutOfMemoryException>(() => heap.AlignedAlloc(size, 4 << 20));
                Assert.Throws<OutOfMemoryException>(() => heap.Realloc(kept, size + 64));
                Assert.Throws<OutOfMemoryException>(() => pool.Rent((int)size));
            }

            Assert.Equal(rounds, heap.ReclaimRounds);
        }
    }

    [Fact]
    public void ManyThreadsThatFailGiveBackOnce()
    {
        using FullHeap full = new("MaxBytes");
        full.Fill(64);
        using Barrier start = new(8);
        Workers.Run(8, _ =>
        {
            start.SignalAndWait();
            for (int i = 0; i < Requests; i++)
            {
                Assert.False(full.Heap.TryAlloc(64 << 10, out void* _));
            }
        });
        Assert.InRange(full.Heap.ReclaimRounds, 1, 8);
    }

    // Freed by plain frees into another thread's cache, which are counted nowhere.
    [Theory]
    [MemberData(nameof(LimitsAndSizes))]
    public void WhatAnIdleThreadFreedServesTheNextRequest(string kind, long size)
    {
        using FullHeap full = new(kind);
        HakmemAllocator heap = full.Heap;
        using Turns turns = new();
        Thread other = turns.Start(() => full.Fill((nuint)size), () => full.FreeNewest(1));
        try
        {
            turns.Next();
            for (int round = 0; round < 20; round++)
            {
                Assert.False(heap.TryAlloc((nuint)size, out _));
                Assert.False(heap.TryAlloc((nuint)size, out _));
                turns.Next();
                Assert.True(heap.TryAlloc((nuint)size, out void* block), $"Round {round}: a block was freed, and is not to be had.");
                full.Blocks.Insert(0, (nint)block);
            }
        }
        finally
        {
            turns.End(other);
        }
    }

    // A SuperSlab's worth of small blocks, of which the last to be freed makes the room.
    [Theory]
    [InlineData("MaxBytes")]
    [InlineData("container")]
    public void SmallBlocksFreedByAnIdleThreadMakeRoomForALarge(string kind)
    {
        foreach (nuint size in new nuint[] { 64, 1_024, 16 << 10 })
        {
            using FullHeap full = new(kind);
            HakmemAllocator heap = full.Heap;
            using Turns turns = new();
            Thread other = turns.Start(() => full.Fill(size), () => full.FreeNewest((int)((6 << 20) / size)));
            try
            {
                turns.Next();
                for (int round = 0; round < 2; round++)
                {
                    Assert.False(heap.TryAlloc(2 << 20, out _));
                    turns.Next();
                    Assert.True(heap.TryAlloc(2 << 20, out void* block), $"Round {round}, {size} bytes: nothing is to be had.");
                    full.Blocks.Insert(0, (nint)block);
                    full.Fill(size);
                }
            }
            finally
            {
                turns.End(other);
            }
        }
    }

    // The vain round has left nothing that would serve the larger one, but may have left something for a smaller.
    [Fact]
    public void ASmallerRequestIsTriedAndALargerIsNot()
    {
        using FullHeap full = new("MaxBytes");
        full.Fill(1 << 20);
        long rounds = full.Heap.ReclaimRounds;
        Assert.False(full.Heap.TryAlloc(2 << 20, out _));
        Assert.Equal(rounds, full.Heap.ReclaimRounds);
        Assert.False(full.Heap.TryAlloc(512 << 10, out _));
        Assert.Equal(rounds + 1, full.Heap.ReclaimRounds);
        Assert.False(full.Heap.TryAlloc(1 << 20, out _));
        Assert.False(full.Heap.TryAlloc(512 << 10, out _));
        Assert.Equal(rounds + 1, full.Heap.ReclaimRounds);
    }

    // Their owner is about to use them again.
    [Fact]
    public void ARequestThatCannotFitLeavesEmptySuperSlabs()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = Limit });
        void* kept = heap.Alloc(14 << 20);
        heap.Free(heap.Alloc(6 << 20));
        int cached = heap.GetStatistics().SuperSlabsCached;
        Assert.Equal(3, cached);
        Assert.False(heap.TryAlloc(12 << 20, out _));
        Assert.Equal(cached, heap.GetStatistics().SuperSlabsCached);
        Assert.True(heap.TryAlloc(10 << 20, out void* fits));
        heap.Free(fits);
        heap.Free(kept);
    }

    [Fact]
    public void WhatAnotherHeapGaveBackServesTheNextRequest()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit + (40 << 20) };
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os, 100));
        using HakmemAllocator other = new(new HakmemOptions(), arena);
        void* taken = other.Alloc(40 << 20);
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        List<nint> blocks = [];
        while (heap.TryAlloc(1 << 20, out void* block))
        {
            blocks.Add((nint)block);
        }

        Assert.False(heap.TryAlloc(1 << 20, out _));
        other.Free(taken);
        other.Trim();
        Assert.True(heap.TryAlloc(1 << 20, out void* late));
        heap.Free(late);
        blocks.ForEach(block => heap.Free((void*)block));
    }

    // Two threads that run by turns; each waits in managed code while the other runs.
    private sealed class Turns : IDisposable
    {
        // Only a deadlock gets there.
        private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

        // Not a slim one: that sleeps while it still spins, and then looks at rest when it is not.
        private readonly AutoResetEvent _theirs = new(false);
        private readonly AutoResetEvent _ours = new(false);
        private volatile bool _isOver;
        private Exception? _failure;
        private Thread? _thread;

        // Does the first at the first turn, and the second at each later one.
        public Thread Start(Action first, Action later)
        {
            _thread = new Thread(() => Run(first, later)) { IsBackground = true };
            _thread.Start();
            return _thread;
        }

        // Returns when the other thread waits again.
        public void Next()
        {
            _theirs.Set();
            Assert.True(_ours.WaitOne(s_patience));
            Assert.True(SpinWait.SpinUntil(() => (_thread!.ThreadState & ThreadState.WaitSleepJoin) != 0, s_patience));
            Assert.Null(_failure);
        }

        public void End(Thread thread)
        {
            _isOver = true;
            _theirs.Set();
            Assert.True(thread.Join(s_patience));
        }

        public void Dispose()
        {
            _theirs.Dispose();
            _ours.Dispose();
        }

        private void Run(Action first, Action later)
        {
            Action step = first;
            while (true)
            {
                _theirs.WaitOne();
                if (_isOver)
                {
                    return;
                }

                try
                {
                    step();
                }
                catch (Exception failure)
                {
                    _failure = failure;
                }

                step = later;
                _ours.Set();
            }
        }
    }

    // A heap that has all that it can have.
    private sealed class FullHeap : IDisposable
    {
        private readonly FaultyMemory _os = new();

        public FullHeap(string kind)
        {
            _os.MemoryLimit = kind == "container" ? Limit + (12 << 20) : long.MaxValue;
            Arena arena = new(_os, TestArena.DefaultBytes, new MemoryLimit(_os, 100));
            Heap = new HakmemAllocator(new HakmemOptions { MaxBytes = kind == "MaxBytes" ? Limit : 0 }, arena);
            if (kind == "refused commits")
            {
                void* run = Heap.Alloc((nuint)Limit);
                _os.Refuse(call => call == OsCall.Commit);
                Heap.Free(run);
            }
        }

        public HakmemAllocator Heap { get; }

        // Oldest first.
        public List<nint> Blocks { get; } = [];

        public void Fill(nuint size)
        {
            while (Heap.TryAlloc(size, out void* block))
            {
                Blocks.Add((nint)block);
            }
        }

        public void FreeNewest(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Heap.Free((void*)Blocks[^1]);
                Blocks.RemoveAt(Blocks.Count - 1);
            }
        }

        public void Dispose()
        {
            Heap.Dispose();
            _os.AssertNoViolation();
            _os.Dispose();
        }
    }
}
