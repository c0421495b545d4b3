using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Reclaim;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// What comes back by itself and when, by a clock that the test moves.
public sealed unsafe class HeapDecayTests : IDisposable
{
    private const long Delay = 1_000;
    private const long Ttl = 10_000;

    // Long enough for everything that the timer would ever do of itself.
    private const long Ages = 3_600_000;

    // Only a fault gets there.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly ManualTime _time = new();
    private readonly TestArena _test = new();
    private readonly DecayTimer _timer;
    private readonly HakmemAllocator _heap;
    private bool _isMemoryShort;

    public HeapDecayTests()
    {
        _timer = new DecayTimer(_time, () => _isMemoryShort, observesCollections: false);
        _heap = new HakmemAllocator(
            new HakmemOptions { PurgeDelay = TimeSpan.FromMilliseconds(Delay), SuperSlabCacheTtl = TimeSpan.FromMilliseconds(Ttl) },
            _test.Arena,
            _timer);
    }

    public static TheoryData<long> Sizes { get; } = [16, 64, 256, 300, 4_096, (long)BlockSizes.Mid, 1 << 20, 3 << 20];

    public void Dispose()
    {
        _heap.Dispose();
        _test.Dispose();
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WhatAWaitingThreadFreedIsDiscardedWithinTwiceTheDelay(long size)
    {
        Workers.RunAndHold(2, _ => UseAndFree((nuint)size, 8 * BlockSizes.MiB), whileIdle: () =>
        {
            Assert.NotEqual(0, _heap.GetStatistics().DirtyBytes);
            _time.Advance(2 * Delay);
            HakmemStatistics after = _heap.GetStatistics();
            Assert.Equal(0, after.CachedBytes);
            Assert.Equal(0, after.DirtyBytes);
            Assert.InRange(after.PurgeCalls, 1, after.PurgedBytes >> 16);

            _time.Advance(Ttl + Delay);
            Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
            Assert.Equal(0, _test.CommittedBytes);
        });
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void MemoryFreedLongBeforeTheNextRunIsDiscardedInTime()
    {
        Workers.Run(1, _ => UseAndFree(BlockSizes.Mid, 8 * BlockSizes.MiB));
        _time.Advance(2 * Delay);
        Assert.Equal(0, _heap.GetStatistics().DirtyBytes);

        // Only the end of the time to live is waited for now.
        Assert.NotEqual(0, _heap.GetStatistics().CommittedBytes);
        Workers.Run(1, _ => UseAndFree(BlockSizes.Mid, BlockSizes.MiB));
        _time.Advance(2 * Delay);
        Assert.Equal(0, _heap.GetStatistics().DirtyBytes);
    }

    [Fact]
    public void NothingRunsOnceEverythingHasComeBack()
    {
        UseAndFree(64, BlockSizes.MiB);
        UseAndFree(BlockSizes.Large, BlockSizes.Large);
        Assert.True(_timer.IsArmed);
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
        long ticks = _timer.Ticks;
        _time.Advance(Ages);
        Assert.Equal(ticks, _timer.Ticks);

        // What is freed next is heard of again.
        UseAndFree(64, BlockSizes.MiB);
        Assert.True(_timer.IsArmed);
        _time.Advance(Ages);
        Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
        Assert.False(_timer.IsArmed);
    }

    [Fact]
    public void LiveBlocksLetItRestAndTheirFreeWakesIt()
    {
        foreach (nuint size in new nuint[] { 16, 200, 1_024, BlockSizes.Mid, BlockSizes.Large })
        {
            Block kept = Block.Allocate(_heap, size, 7);
            _time.Advance(Ages);
            Assert.False(_timer.IsArmed, $"The timer is still armed with one block of {size} bytes out.");
            kept.VerifyAndFree(_heap);
            Assert.True(_timer.IsArmed, $"The timer did not hear of a free of {size} bytes.");
            _time.Advance(Ages);
            Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
        }
    }

    [Fact]
    public void AThreadThatIsNotKnownToBeAtRestKeepsOneBlockOfAClass()
    {
        using ManualResetEventSlim isReady = new();
        int isDone = 0;
        Thread spinning = new(() =>
        {
            UseAndFree(64, BlockSizes.MiB);
            UseAndFree(4_096, BlockSizes.MiB);
            isReady.Set();
            while (Volatile.Read(ref isDone) == 0)
            {
                Thread.SpinWait(100);
            }
        });
        spinning.Start();
        isReady.Wait(TestContext.Current.CancellationToken);
        long cached = _heap.GetStatistics().CachedBytes;
        _time.Advance(2 * Delay);
        HakmemStatistics after = _heap.GetStatistics();
        Volatile.Write(ref isDone, 1);
        spinning.Join();
        Assert.True(cached > 64 + 4_096, $"Only {cached} bytes were cached.");
        Assert.InRange(after.CachedBytes, 0, 64 + 4_096);

        // Its end is noticed before the timer gives up looking.
        _time.Advance(Ages);
        Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
        Assert.False(_timer.IsArmed);
    }

    [Fact]
    public void ABinInUseIsLeftAlone()
    {
        List<nint> blocks = [];
        for (int i = 0; i < 40; i++)
        {
            blocks.Add((nint)_heap.Alloc(64));
        }

        // One more is freed in each interval, so that the bin is never the same twice.
        foreach (nint block in blocks)
        {
            _heap.Free((void*)block);
            _time.Advance(Delay / 4);
        }

        Assert.True(_heap.GetStatistics().CachedBytes >= 39 * 64, _heap.GetStatistics().ToString());
        Assert.Equal(0, _heap.GetStatistics().ReapedBlocks);
    }

    [Fact]
    public void ShortMemoryTrimsAtTheNextRun()
    {
        UseAndFree(64, 4 * BlockSizes.MiB);
        UseAndFree(BlockSizes.Large, BlockSizes.Large);
        _isMemoryShort = true;
        _time.Advance(Delay / 4);
        Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
    }

    [Fact]
    public void FreeUnitsOfASuperSlabInUseAreDiscardedTogether()
    {
        Block kept = Block.Allocate(_heap, BlockSizes.Mid, 1);
        Block[] freed = [Block.Allocate(_heap, BlockSizes.Mid, 2), Block.Allocate(_heap, BlockSizes.Mid, 3)];
        Array.ForEach(freed, block => block.VerifyAndFree(_heap));
        _time.Advance(2 * Delay);
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.InRange(statistics.DirtyBytes, (long)BlockSizes.Mid, statistics.SizeClasses.Sum(row => row.SpanBytes));
        Assert.Equal(1, statistics.LiveBlocks);
        kept.VerifyAndFree(_heap);
        _time.Advance(Ages);
        Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
    }

    [Fact]
    public void RecordsOfEndedThreadsComeBack()
    {
        UseAndFree(BlockSizes.Tiny, BlockSizes.MiB);
        long before = _heap.GetStatistics().RecordBytes;
        long during = 0;
        Workers.RunAndHold(
            200,
            index =>
            {
                for (nuint size = 16; size < 64 * BlockSizes.KiB; size *= 2)
                {
                    UseAndFree(size, 64 * size);
                }
            },
            whileIdle: () => during = _heap.GetStatistics().RecordBytes);
        Assert.True(during > 4L << 20, $"The threads' records take {during} bytes.");
        _time.Advance(10 * Delay);
        Assert.Equal(1, _heap.GetStatistics().ThreadCaches);
        Assert.InRange(_heap.GetStatistics().RecordBytes, 0, before + (1L << 20));

        // And are there again for the next threads.
        Workers.Run(20, _ => UseAndFree(BlockSizes.Mid, BlockSizes.MiB));
        ArenaAudit.Check(_heap);
    }

    [Fact]
    public void ARefusedDiscardIsTriedAgainAndLosesNothing()
    {
        Block kept = Block.Allocate(_heap, 5_000, 1);
        UseAndFree(6_000, 8 * BlockSizes.MiB);
        _test.Os.Refuse(call => call is OsCall.Discard or OsCall.Decommit);
        _time.Advance(4 * Delay);
        Assert.NotEqual(0, _heap.GetStatistics().DirtyBytes);
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        _test.Os.RefuseNone();
        _time.Advance(4 * Delay);
        Assert.InRange(_heap.GetStatistics().DirtyBytes, 1, 1 << 20);
        kept.VerifyAndFree(_heap);
        ArenaAudit.Check(_heap);
    }

    [Fact]
    public void AHeapAtRestIsNotKeptAlive()
    {
        WeakReference forgotten = MakeAndForget();
        _time.Advance(Ages);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(forgotten.IsAlive);
        Assert.False(_timer.IsArmed);
    }

    [Fact]
    public void DisposedHeapIsNotRunAgain()
    {
        using TestArena other = new();
        HakmemAllocator heap = new(new HakmemOptions(), other.Arena, _timer);
        heap.Free(heap.Alloc(64));
        heap.Dispose();
        _timer.ScheduleAll();
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
    }

    [Fact]
    public void ACollectionOfTheOldestGenerationWakesAHeapThatRests()
    {
        DecayTimer timer = new(_time, () => false);
        using HakmemAllocator heap = new(new HakmemOptions(), _test.Arena, timer);
        Block kept = Block.Allocate(heap, 64, 1);

        // Other tests collect too, so that it may have to be brought to rest more than once.
        Assert.True(SpinWait.SpinUntil(() => ComesToRest(timer), s_patience));

        // The finalizer that hears of it has a thread of its own.
        bool isArmed = SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return timer.IsArmed;
            },
            s_patience);
        Assert.True(isArmed);
        kept.VerifyAndFree(heap);
    }

    // Where a full collection of another test's has come in between, it is tried again.
    [Fact]
    public void ACollectionOfAYoungerGenerationWakesNothing() => Assert.True(SpinWait.SpinUntil(
        () =>
        {
            int collections = GC.CollectionCount(GC.MaxGeneration);
            DecayTimer timer = new(_time, () => false);
            using HakmemAllocator heap = new(new HakmemOptions(), _test.Arena, timer);
            heap.Free(heap.Alloc(64));
            ComesToRest(timer);
            GC.Collect(0);
            GC.WaitForPendingFinalizers();
            bool isArmed = timer.IsArmed;
            bool isAlone = GC.CollectionCount(GC.MaxGeneration) == collections;
            Assert.False(isAlone && isArmed);
            return isAlone;
        },
        s_patience));

    private bool ComesToRest(DecayTimer timer)
    {
        _time.Advance(Ages);
        return !timer.IsArmed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference MakeAndForget()
    {
        // In an arena that stays mapped: the thread's cache of the shared heap goes on naming the one of a heap that
        // was not disposed.
        HakmemAllocator heap = new(new HakmemOptions(), ProcessArena.Instance!, _timer);
        heap.Free(heap.Alloc(100));
        return new WeakReference(heap);
    }

    private void UseAndFree(nuint size, nuint totalBytes)
    {
        List<Block> blocks = [];
        for (nuint used = 0; used < totalBytes; used += size)
        {
            blocks.Add(Block.Allocate(_heap, size, (uint)blocks.Count));
        }

        blocks.ForEach(block => block.VerifyAndFree(_heap));
    }
}
