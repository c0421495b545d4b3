using System;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.Os;
using Hakmem.Reclaim;
using Hakmem.Tags;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Limits;

// Limits of a heap that change while it is in use, and what its program is told.
public sealed unsafe class SetLimitsTests : IDisposable
{
    private const nuint Slab = 2 << 20;

    // Far above what a handler takes; if it is over, the test has failed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly TestArena _test = new();
    private readonly ManualTime _time = new();
    private readonly DecayTimer _timer;
    private readonly HakmemAllocator _heap;

    public SetLimitsTests()
    {
        _timer = new DecayTimer(_time, () => false, observesCollections: false);
        _heap = new HakmemAllocator(new HakmemOptions(), _test.Arena, _timer);
    }

    public static TheoryData<bool> Kinds { get; } = [false, true];

    public void Dispose()
    {
        _heap.Dispose();
        _test.Dispose();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AHardLimitRefusesGrowthAndKeepsWhatIsLive(bool isFallback)
    {
        using HakmemAllocator heap = New(isFallback);
        Block first = Block.Allocate(heap, 3 * Slab, 1);
        heap.SetLimits(0, (long)Slab);
        Assert.False(heap.TryAlloc(4 * Slab, out _));
        first.Verify();
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(first.Pointer, 6 * Slab));
        first.VerifyAndFree(heap);
        heap.SetLimits(0, 0);
        Block.Allocate(heap, 8 * Slab, 2).VerifyAndFree(heap);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AHardLimitCanBeRaised(bool isFallback)
    {
        using HakmemAllocator heap = New(isFallback, new HakmemOptions { MaxBytes = (long)Slab });
        Assert.False(heap.TryAlloc(3 * Slab, out _));
        heap.SetLimits(0, 5 * (long)Slab);
        Block.Allocate(heap, 3 * Slab, 1).VerifyAndFree(heap);
    }

    [Fact]
    public void BadLimitsAreRefusedAndChangeNothing()
    {
        _heap.SetLimits(0, 4 * (long)Slab);
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.SetLimits(-1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.SetLimits(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.SetLimits(0, (long)Slab - 1));
        ArgumentException above = Assert.Throws<ArgumentException>(
            () => _heap.SetLimits((2 * (long)Slab) + 1, 2 * (long)Slab));
        Assert.Equal("softBytes", above.ParamName);
        Assert.False(_heap.TryAlloc(4 * Slab + 1, out _));
        Assert.True(_heap.TryAlloc(3 * Slab, out void* block));
        _heap.Free(block);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new HakmemAllocator(new HakmemOptions { MaxBytes = (long)Slab, SoftLimitBytes = (long)Slab + 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new HakmemAllocator(new HakmemOptions { SoftLimitBytes = -1 }));
    }

    [Fact]
    public void LimitsOfADisposedHeapThrow()
    {
        HakmemAllocator heap = new();
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => heap.SetLimits(0, 0));
    }

    [Fact]
    public void AboveTheSoftLimitEmptyMemoryReturnsAtOnce()
    {
        void* kept = _heap.Alloc(3 * Slab);
        void* freed = _heap.Alloc(3 * Slab);
        _heap.Free(freed);
        Assert.Equal(4 * (long)Slab, _heap.GetStatistics().CommittedBytes - (2 * (long)Slab));
        _heap.SetLimits(3 * (long)Slab, 0);

        // The timer is due now; the time stands still.
        _timer.OnTimer();
        Assert.Equal(_test.CommittedBytes, _heap.GetStatistics().CommittedBytes);
        Assert.InRange(_test.CommittedBytes, 1, 3 * (long)Slab);

        // From now on by itself.
        freed = _heap.Alloc(3 * Slab);
        _heap.Free(freed);
        Assert.InRange(_test.CommittedBytes, 1, 3 * (long)Slab);
        _heap.Free(kept);
    }

    [Fact]
    public void BelowTheSoftLimitEmptyMemoryStays()
    {
        _heap.SetLimits(20 * (long)Slab, 0);
        _heap.Free(_heap.Alloc(3 * Slab));
        _timer.OnTimer();
        Assert.InRange(_test.CommittedBytes, 3 * (long)Slab, 4 * (long)Slab);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AHandlerIsToldOnThePoolAndMayAllocate(bool isFallback)
    {
        using HakmemAllocator heap = New(isFallback);
        using SemaphoreSlim told = new(0);
        SoftLimitEventArgs? seen = null;
        bool wasOnPool = false;
        heap.SoftLimitExceeded += (sender, args) =>
        {
            Block.Allocate((HakmemAllocator)sender!, 5 * Slab, 1).VerifyAndFree((HakmemAllocator)sender!);
            seen = args;
            wasOnPool = Thread.CurrentThread.IsThreadPoolThread;
            told.Release();
        };
        heap.SetLimits((long)Slab, 0);
        void* block = heap.Alloc(4 * Slab);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.True(wasOnPool);
        Assert.Equal((long)Slab, seen!.SoftBytes);
        Assert.True(seen.Bytes > seen.SoftBytes);

        // More of the same tells nothing; setting a limit that is exceeded tells again.
        void* more = heap.Alloc(8 * Slab);
        heap.SetLimits((long)Slab, 0);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.Equal(0, told.CurrentCount);
        heap.Free(block);
        heap.Free(more);
        Assert.Equal(0, heap.GetStatistics().FailedCallbacks);
    }

    // It grows under its own lock, where nobody is told.
    [Theory]
    [InlineData("heap")]
    [InlineData("fallback")]
    [InlineData("tag")]
    [InlineData("tag of a fallback")]
    [InlineData("region")]
    [InlineData("own")]
    public void WhatGrowsItsBlockTellsAfterwards(string kind)
    {
        using HakmemAllocator heap = New(isFallback: kind.EndsWith("fallback", StringComparison.Ordinal));
        using MemoryTag tag = new("tag", null, 0, long.MaxValue);
        using MemoryRegion region = heap.CreateRegion();
        IHakmemAllocator allocator = kind.StartsWith("tag", StringComparison.Ordinal) ? heap.ForTag(tag)
            : kind == "region" ? region.AsAllocator()
            : kind == "own" ? new ForwardingAllocator(heap)
            : heap;
        using SemaphoreSlim told = new(0);
        heap.SoftLimitExceeded += (_, _) => told.Release();
        using SemaphoreSlim toldOfTag = new(0);
        bool wasDeferred = false;
        Func<bool> notify = tag.Account.Budget.Notify!;
        tag.Account.Budget.Notify = () =>
        {
            wasDeferred |= Callouts.AreDeferred;
            toldOfTag.Release();
            return notify();
        };
        using NativeArray<byte> array = new(allocator, 1_000);
        heap.SetLimits(3 * (long)Slab, 0);
        tag.SetLimits(3 * (long)Slab, 0);
        array.Resize(10 * (int)Slab);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.Equal(allocator is TaggedAllocator ? 1 : 0, toldOfTag.CurrentCount);
        Assert.False(wasDeferred);
    }

    // Growth that the system refuses exceeds no limit, and is in no peak.
    [Fact]
    public void WhatTheSystemRefusesTellsNothing()
    {
        const long Soft = 10 * (long)Slab;
        ConcurrentQueue<SoftLimitEventArgs> seen = [];
        using SemaphoreSlim told = new(0);
        _heap.SoftLimitExceeded += (_, args) =>
        {
            seen.Enqueue(args);
            told.Release();
        };
        _heap.SetLimits(Soft, 0);

        // At nine tenths of it, where what was exceeded stays so.
        void* block = _heap.Alloc((9 * Slab) - 65_536);
        Assert.InRange(_heap.GetStatistics().CommittedBytes, Soft * 9 / 10, Soft);
        long peak = _heap.GetStatistics().PeakCommittedBytes;
        _test.Os.RefuseAll(OsCall.Commit);
        Assert.False(_heap.TryAlloc(20 * Slab, out _));
        _test.Os.RefuseNone();
        Assert.Equal(peak, _heap.GetStatistics().PeakCommittedBytes);
        Block.Allocate(_heap, 100, 1).VerifyAndFree(_heap);
        void* more = _heap.Alloc(8 * Slab);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.True(Assert.Single(seen).Bytes > Soft);
        _heap.Free(block);
        _heap.Free(more);
    }

    // A resize that cannot succeed takes nothing of what other heaps may need.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ARefusedResizeKeepsNothing(bool isOfContainer)
    {
        void* block = _heap.Alloc(2 * Slab);
        HakmemStatistics before = _heap.GetStatistics();
        if (isOfContainer)
        {
            _test.Os.MemoryLimit = 40 * (long)Slab;
            _test.Arena.SetLimitPercent(100);
        }
        else
        {
            _heap.SetLimits(0, 40 * (long)Slab);
        }

        void* same = block;
        Assert.False(_heap.TryRealloc(ref same, 60 * Slab));
        Assert.False(_heap.TryExpand(block, 60 * Slab));
        HakmemStatistics after = _heap.GetStatistics();
        Assert.Equal(before.CommittedBytes, after.CommittedBytes);
        Assert.Equal(before.PeakCommittedBytes, after.PeakCommittedBytes);
        Assert.Equal(before.CommittedBytes, _test.CommittedBytes);
        Assert.True(_heap.TryExpand(block, 10 * Slab));
        _heap.Free(block);
    }

    // A block whose place in an aligned one does not fit a smaller is copied, which is growth too.
    [Fact]
    public void AFallbackThatCopiesABlockTells()
    {
        using HakmemAllocator heap = New(isFallback: true);
        using SemaphoreSlim told = new(0);
        heap.SoftLimitExceeded += (_, _) => told.Release();
        void* block = heap.AlignedAlloc(1, 4 * Slab);
        heap.SetLimits(5 * (long)Slab, 0);
        block = heap.Realloc(block, 6 * Slab);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        heap.Free(block);
    }

    [Fact]
    public void AHandlerThatThrowsIsCountedAndOthersAreCalled()
    {
        using SemaphoreSlim told = new(0);
        _heap.SoftLimitExceeded += (_, _) => throw new InvalidOperationException("The handler failed.");
        _heap.SoftLimitExceeded += (_, _) => told.Release();
        _heap.SetLimits((long)Slab, 0);
        void* block = _heap.Alloc(4 * Slab);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(1, statistics.FailedCallbacks);
        Assert.Equal("The handler failed.", statistics.LastCallbackFailure!.Message);
        _heap.Free(block);
    }

    [Fact]
    public void ARemovedHandlerIsNotCalled()
    {
        using SemaphoreSlim told = new(0);
        int calls = 0;
        void Count(object? sender, SoftLimitEventArgs args) => Interlocked.Increment(ref calls);
        _heap.SoftLimitExceeded += Count;
        _heap.SoftLimitExceeded += (_, _) => told.Release();
        _heap.SoftLimitExceeded -= Count;
        _heap.SetLimits((long)Slab, 0);
        void* block = _heap.Alloc(4 * Slab);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.Equal(0, calls);
        _heap.Free(block);
    }

    [Fact]
    public void LimitsThatChangeUnderThreadsHoldWhenTheyRest()
    {
        const int Steps = 300;
        Workers.Run(3, index =>
        {
            for (int step = 0; step < Steps; step++)
            {
                if (index == 0)
                {
                    _heap.SetLimits(step % 3 * (long)Slab, step % 2 == 0 ? 0 : 8 * (long)Slab);
                }
                else if (_heap.TryAlloc((nuint)(step % 3 + 1) * Slab / 2, out void* block))
                {
                    Block.Filled(block, 100, (uint)step).VerifyAndFree(_heap);
                }
            }
        });
        _heap.Trim();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Assert.Equal(0, _test.CommittedBytes);
        _heap.SetLimits(0, 4 * (long)Slab);
        Assert.True(_heap.TryAlloc(3 * Slab, out void* last));
        Assert.False(_heap.TryAlloc(3 * Slab, out _));
        _heap.Free(last);
    }

    private static HakmemAllocator New(bool isFallback, HakmemOptions? options = null) =>
        isFallback ? HakmemAllocator.CreateFallback(options) : new HakmemAllocator(options);
}
