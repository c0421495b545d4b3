using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tags;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Tags;

// Tags by themselves: figures, limits, and the ends of tags, heaps and blocks in any order.
public sealed unsafe class MemoryTagTests : IDisposable
{
    private const nuint KiB = 1 << 10;

    // Far above what a handler takes; if it is over, the test has failed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly HakmemAllocator _heap = new();

    public static TheoryData<string> Kinds { get; } = ["Standard", "Checked", "Full", "Sampled", "Fallback"];

    public void Dispose() => _heap.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void BytesCountForATagAndItsParentsUntilFreed(string kind)
    {
        using HakmemAllocator heap = New(kind);
        using MemoryTag root = new("root");
        using MemoryTag child = new("child", root);
        foreach (nuint size in new nuint[] { 0, 1, 100, 5_000, 70_000, 3 << 20 })
        {
            void* ofRoot = heap.ForTag(root).Alloc(size);
            void* ofChild = heap.ForTag(child).Alloc(size);
            long bytes = (long)heap.UsableSize(ofChild);
            Assert.Equal(bytes, child.LiveBytes);
            Assert.Equal(bytes + (long)heap.UsableSize(ofRoot), root.LiveBytes);
            heap.Free(ofRoot);
            Assert.Equal(bytes, root.LiveBytes);
            heap.ForTag(root).Free(ofChild);
            Assert.Equal(0, root.LiveBytes);
        }

        Assert.InRange(child.PeakBytes, 3 << 20, 5 << 20);
        Assert.InRange(root.PeakBytes, 6 << 20, 10 << 20);
        Assert.Equal("root/child", child.ToString());
        Assert.Same(root, child.Parent);
    }

    [Fact]
    public void ASmallPeakOfOneThreadIsExact()
    {
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = _heap.ForTag(tag);
        void* first = view.Alloc(1_024);
        void* second = view.Alloc(512);
        view.Free(first);
        view.Free(second);
        Assert.Equal(0, tag.LiveBytes);
        Assert.Equal(1_024 + 512, tag.PeakBytes);
    }

    [Fact]
    public void AnotherThreadsFreesLeaveTheRightTag()
    {
        using MemoryTag a = new("a");
        using MemoryTag b = new("b");
        nint[] blocks = [.. Enumerable.Range(0, 2_000).Select(
            i => (nint)_heap.ForTag(i % 2 == 0 ? a : b).Alloc((nuint)i))];
        long ofB = blocks.Where((_, i) => i % 2 != 0).Sum(block => (long)_heap.UsableSize((void*)block));
        Workers.RunOne(() =>
        {
            for (int i = 0; i < blocks.Length; i += 2)
            {
                (i % 3 == 0 ? _heap : i % 3 == 1 ? _heap.ForTag(b) : _heap.ForTag(a)).Free((void*)blocks[i]);
            }
        });
        Assert.Equal(0, a.LiveBytes);
        Assert.Equal(ofB, b.LiveBytes);
        Assert.Equal(ofB, _heap.GetStatistics().LiveBytes);
        for (int i = 1; i < blocks.Length; i += 2)
        {
            _heap.Free((void*)blocks[i]);
        }

        Assert.Equal(0, b.LiveBytes);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ABlockKeepsItsTagWhenItIsResized(string kind)
    {
        using HakmemAllocator heap = New(kind);
        using MemoryTag a = new("a");
        using MemoryTag b = new("b");
        Block block = Block.Allocate(heap.ForTag(a), 100, 1);
        IHakmemAllocator[] resizers = [heap, heap.ForTag(b), heap.ForTag(a)];
        uint seed = 2;
        foreach (nuint size in new nuint[] { 1_000, 70_000, 80_000, 3 << 20, 5 << 20, 10, 0 })
        {
            foreach (IHakmemAllocator resizer in resizers)
            {
                block = block.Resize(resizer, size + seed, seed++);
                resizer.TryExpand(block.Pointer, size + 200);
                Assert.Equal((long)heap.UsableSize(block.Pointer), a.LiveBytes);
            }
        }

        Assert.Equal(0, b.LiveBytes);
        block.VerifyAndFree(heap);
        Assert.Equal(0, a.LiveBytes);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AHardLimitRefusesOnlyItsTagAndThoseBelow(string kind)
    {
        using HakmemAllocator heap = New(kind);
        using MemoryTag root = new("root");
        using MemoryTag limited = new("limited", root, 0, 1 << 20);
        using MemoryTag below = new("below", limited);
        using MemoryTag beside = new("beside", root);
        List<nint> blocks = [];
        while (heap.ForTag(below).TryAlloc(64 * KiB, out void* block))
        {
            blocks.Add((nint)block);
        }

        Assert.Equal(16, blocks.Count);
        Assert.Equal(1 << 20, limited.LiveBytes);
        OutOfMemoryException refusal = Assert.Throws<OutOfMemoryException>(() => heap.ForTag(limited).Alloc(1));
        Assert.Contains("'root/limited'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("1048576", refusal.Message, StringComparison.Ordinal);
        heap.ForTag(beside).Free(heap.ForTag(beside).Alloc(2 << 20));
        heap.Free(heap.Alloc(2 << 20));
        Assert.Equal(1 << 20, below.LiveBytes);
        Assert.Equal(1, below.RefusedCount);
        Assert.Equal(2, limited.RefusedCount);
        Assert.Equal(0, root.RefusedCount);
        Assert.Equal(0, beside.RefusedCount);

        // A refused resize leaves the block and the figures as they were; freeing makes room.
        void* resized = (void*)blocks[0];
        Assert.False(heap.TryRealloc(ref resized, 128 * KiB));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc((void*)blocks[0], 128 * KiB));
        Assert.Equal((3, 4), (below.RefusedCount, limited.RefusedCount));

        // That it cannot become larger where it is is no refusal.
        Assert.False(heap.TryExpand((void*)blocks[0], 128 * KiB));
        Assert.Equal((3, 4), (below.RefusedCount, limited.RefusedCount));
        Assert.Equal(1 << 20, root.LiveBytes);
        heap.Free((void*)blocks[^1]);
        resized = heap.Realloc(resized, 128 * KiB);
        Assert.Equal(1 << 20, limited.LiveBytes);
        heap.Free(resized);
        blocks[1..^1].ForEach(block => heap.Free((void*)block));
        Assert.Equal(0, root.LiveBytes);
        Assert.Equal(1 << 20, limited.PeakBytes);
    }

    [Fact]
    public void TheLimitOfATagBelowWhatIsLiveRefusesGrowth()
    {
        using MemoryTag tag = new("tag", null, 0, long.MaxValue);
        IHakmemAllocator view = _heap.ForTag(tag);
        Block block = Block.Allocate(view, 4_096, 1);
        tag.SetLimits(0, 100);
        Assert.False(view.TryAlloc(0, out _));
        block = block.Resize(view, 64, 2);
        Assert.Equal(64, tag.LiveBytes);
        block.VerifyAndFree(view);
        tag.SetLimits(0, 0);
        view.Free(view.Alloc(1 << 20));
        Assert.Equal(0, tag.LiveBytes);
    }

    [Fact]
    public void BadArgumentsAreRefused()
    {
        Assert.Throws<ArgumentNullException>(() => new MemoryTag(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryTag("x", null, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryTag("x", null, 0, -1));
        Assert.Throws<ArgumentException>(() => new MemoryTag("x", null, 2, 1));
        Assert.Throws<ArgumentNullException>(() => _heap.ForTag(null!));
        using MemoryTag unlimited = new("x");
        Assert.Throws<InvalidOperationException>(() => unlimited.SetLimits(0, 1));
        Assert.Throws<ArgumentException>(() => unlimited.SetLimits(2, 1));
        MemoryTag disposed = new("x", null, 1);
        disposed.Dispose();
        disposed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => new MemoryTag("y", disposed));
        Assert.Throws<ObjectDisposedException>(() => disposed.SetLimits(0, 1));
        Assert.Throws<ObjectDisposedException>(() => _heap.ForTag(disposed));
    }

    // A tag's parent is given once, to the constructor, and exists by then.
    [Fact]
    public void NoTagCanBecomeItsOwnParent() =>
        Assert.Null(typeof(MemoryTag).GetProperty(nameof(MemoryTag.Parent))!.SetMethod);

    [Fact]
    public void AParentDisposedFirstCountsAndLimitsOn()
    {
        MemoryTag parent = new("parent", null, 0, 100_000);
        using MemoryTag child = new("child", parent);
        IHakmemAllocator ofParent = _heap.ForTag(parent);
        void* kept = ofParent.Alloc(1_024);
        parent.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ofParent.Alloc(1));
        Assert.Throws<ObjectDisposedException>(() => ofParent.TryAlloc(1, out _));
        void* ofChild = _heap.ForTag(child).Alloc(2_048);
        Assert.Equal(1_024 + 2_048, parent.LiveBytes);
        Assert.False(_heap.ForTag(child).TryAlloc(100_000, out _));
        ofParent.Free(ofChild);
        kept = ofParent.Realloc(kept, 512);
        Assert.Equal(512, parent.LiveBytes);
        _heap.Free(kept);
        Assert.Equal(0, parent.LiveBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ADisposedTagCountsUntilItsLastBlockIsFreed(bool isLimited)
    {
        using MemoryTag root = new("root", null, 0, isLimited ? 1 << 30 : 0);
        MemoryTag tag = new("tag", root);
        IHakmemAllocator view = _heap.ForTag(tag);
        void* block = view.Alloc(100);
        tag.Dispose();
        Assert.Equal(112, root.LiveBytes);
        Assert.Throws<ObjectDisposedException>(() => view.Alloc(100));
        view.Free(block);
        Assert.Equal(0, root.LiveBytes);
        Assert.Equal(0, tag.LiveBytes);
    }

    [Fact]
    public void TheHeapsDisposalTakesItsBlocksFromTheirTags()
    {
        using MemoryTag root = new("root");
        using MemoryTag limited = new("limited", root, 0, 1 << 30);
        HakmemAllocator second = new();
        void* stays = _heap.ForTag(root).Alloc(1_024);
        for (int i = 0; i < 1_000; i++)
        {
            second.ForTag(root).Alloc(512);
            second.ForTag(limited).Alloc(512);
        }

        Assert.Equal((1_000 * 1_024) + 1_024, root.LiveBytes);
        IHakmemAllocator view = second.ForTag(limited);
        second.Dispose();
        Assert.Equal(0, limited.LiveBytes);
        Assert.Equal(1_024, root.LiveBytes);
        Assert.Throws<ObjectDisposedException>(() => view.Alloc(1));
        Assert.Throws<ObjectDisposedException>(() => view.Free(null, 1));
        _heap.Free(stays);
        Assert.Equal(0, root.LiveBytes);
    }

    [Fact]
    public void TryDisposeLeavesAHeapWithATaggedBlock()
    {
        using MemoryTag tag = new("tag");
        HakmemAllocator heap = new();
        void* block = heap.ForTag(tag).Alloc(100);
        Assert.False(heap.TryDispose());
        heap.ForTag(tag).Free(heap.ForTag(tag).Alloc(100));
        heap.Free(block);
        Assert.True(heap.TryDispose());
        Assert.Equal(0, tag.LiveBytes);
    }

    // Else a thread that swaps blocks could be missed by the count.
    [Fact]
    public void TryDisposeClosesTheFastPathsBeforeItCounts()
    {
        using MemoryTag tag = new("tag");
        HakmemAllocator heap = new();
        TaggedAllocator view = (TaggedAllocator)heap.ForTag(tag);
        TaggedHeap tagged = view.Ledger.Heap;
        view.Free(view.Alloc(64));
        void* block = null;
        void TryFast() => block = TaggedHeap.TryAllocateCached(view.Ledger, tag, Hakmem.Small.CurrentThread.Shared, 64);
        tagged.OnCount = TryFast;
        void* live = view.Alloc(100);
        Assert.False(tagged.TryDispose());
        Assert.True(block == null);

        // A try that fails opens them again, for each thread with its next slow path.
        view.Free(view.Alloc(64));
        TryFast();
        Assert.True(block != null);
        view.Free(block);
        view.Free(live);
        Assert.True(heap.TryDispose());
        Assert.True(block == null);
    }

    [Fact]
    public void ASecondFreeIsFoundAndCountsOnce()
    {
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = _heap.ForTag(tag);

        // The thread's magazine has room by then, so that the frees need no slow path.
        void* kept = view.Alloc(48);
        for (int i = 0; i < 10; i++)
        {
            view.Free(view.Alloc(48));
        }

        void* freed = view.Alloc(48);
        void* later = view.Alloc(48);
        view.Free(freed);
        view.Free(later);
        Corruption.AssertReported(freed, () => view.Free(freed));
        Corruption.AssertReported(freed, () => _heap.Free(freed));
        Corruption.AssertReported(freed, () => view.Realloc(freed, 100));
        Corruption.AssertReported(freed, () => view.TryExpand(freed, 10));
        Assert.Equal(48, tag.LiveBytes);
        view.Free(kept);
        Assert.Equal(0, tag.LiveBytes);
        HeapSoundness.Assert(_heap);
    }

    [Fact]
    public void MisuseNamesTheCall()
    {
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = _heap.ForTag(tag);
        nint block = (nint)view.Alloc(1_000);
        AssertNamed("Realloc", () => view.Realloc((void*)(block + 16), 100));
        AssertNamed("Realloc", () => view.Realloc((void*)(block + 16), 100, 64));
        AssertNamed("TryExpand", () => view.TryExpand((void*)(block + 16), 2_000));
        AssertNamed("UsableSize", () => view.UsableSize((void*)(block + 16)));
        view.Free((void*)block);

        static void AssertNamed(string call, Action misuse) => Assert.StartsWith(
            $"{call} of", Assert.Throws<HakmemCorruptionException>(misuse).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BlocksWithoutATagAreTakenToo()
    {
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = _heap.ForTag(tag);
        Block block = Block.Allocate(_heap, 100, 1).Resize(view, 1_000, 2);
        Assert.True(view.Owns(block.Pointer));
        Assert.Equal((nuint)1_024, view.UsableSize(block.Pointer));
        Assert.Equal(0, tag.LiveBytes);
        block.VerifyAndFree(view);
        Assert.Equal(0, tag.LiveBytes);
    }

    [Fact]
    public void OneHardLimitHoldsForBlocksWithAndWithoutATag()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = heap.ForTag(tag);
        void* tagged = view.Alloc(3 << 20);
        Assert.False(heap.TryAlloc(5 << 20, out _));
        Assert.True(heap.GetStatistics().CommittedBytes <= 8 << 20);
        view.Free(tagged);

        // What one of them keeps for reuse serves the other.
        void* untagged = heap.Alloc(7 << 20);
        heap.Free(untagged);
        tagged = view.Alloc(7 << 20);
        view.Free(tagged);
        for (int round = 0; round < 3; round++)
        {
            FillAndFree(heap);
            FillAndFree(view);
        }

        Assert.Equal(0, tag.RefusedCount);
        Assert.True(heap.GetStatistics().PeakCommittedBytes <= 8 << 20);
    }

    [Fact]
    public void TheFiguresOfAHeapIncludeItsTags()
    {
        using MemoryTag root = new("root");
        using MemoryTag child = new("child", root);
        void* own = _heap.Alloc(1_000);
        void* tagged = _heap.ForTag(child).Alloc(1_000);
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(2, statistics.LiveBlocks);
        Assert.Equal(2_048, statistics.LiveBytes);
        Assert.Equal(2, statistics.SizeClasses.Single(row => row.BlockBytes == 1_024).LiveBlocks);
        Assert.Equal(
            [new TagStatistics("root", 1_024, 1_024, 0), new TagStatistics("root/child", 1_024, 1_024, 0)],
            statistics.Tags);
        Assert.Contains("root/child", statistics.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            statistics.SuperSlabsInUse + statistics.SuperSlabsCached, _heap.GetHeapMap().SuperSlabs.Count);
        Assert.Equal(statistics.SuperSlabsInUse + statistics.SuperSlabsCached, _heap.Verify().SuperSlabs);
        Assert.True(_heap.Owns(tagged));
        _heap.Free(own);
        _heap.Free(tagged);
        _heap.Trim();
        Assert.Equal(0, _heap.GetStatistics().CommittedBytes);
    }

    [Fact]
    public void ATagThatHasEndedIsListedWhileItHasBlocks()
    {
        MemoryTag tag = new("ended");
        void* block = _heap.ForTag(tag).Alloc(1_000);
        tag.Dispose();
        Assert.Equal([new TagStatistics("ended", 1_024, 1_024, 0)], _heap.GetStatistics().Tags);
        _heap.Free(block);
        Assert.Empty(_heap.GetStatistics().Tags);
    }

    [Fact]
    public void ForTagReturnsTheSameAllocator()
    {
        using MemoryTag tag = new("tag");
        Assert.Same(_heap.ForTag(tag), _heap.ForTag(tag));
        using HakmemAllocator other = new();
        Assert.NotSame(_heap.ForTag(tag), other.ForTag(tag));
    }

    [Fact]
    public void ASoftLimitTellsAndAHandlerMayAllocateAndThrow()
    {
        using MemoryTag tag = new("tag", null, 10_000, 1 << 20);
        IHakmemAllocator view = _heap.ForTag(tag);
        using SemaphoreSlim told = new(0);
        tag.SoftLimitExceeded += (sender, args) =>
        {
            Assert.Same(tag, sender);
            view.Free(view.Alloc(20_000));
            told.Release();
            throw new InvalidOperationException($"{args.Bytes} exceed {args.SoftBytes}.");
        };
        void* block = view.Alloc(16_384);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        view.Free(view.Alloc(16_384));
        SpinWait.SpinUntil(() => tag.FailedCallbacks > 0, s_patience);
        Assert.Equal("16384 exceed 10000.", tag.LastCallbackFailure!.Message);
        Assert.Equal(1, tag.FailedCallbacks);
        Assert.Equal(16_384, tag.LiveBytes);
        view.Free(block);
        block = view.Alloc(16_384);
        Assert.True(told.Wait(s_patience, TestContext.Current.CancellationToken));
        view.Free(block);
        Assert.Equal(0, tag.LiveBytes);
    }

    // A block is freed while its heap is disposed: the tag counts neither, whichever comes first.
    [Fact]
    public void AFreeBesideTheEndOfItsHeapCountsOnce()
    {
        using MemoryTag tag = new("tag", null, 0, 1 << 20);
        HakmemAllocator heap = new();
        TaggedAllocator view = (TaggedAllocator)heap.ForTag(tag);
        long bytes = (long)heap.UsableSize(view.Alloc(1_000));
        TagLedger ledger = view.Ledger;
        ledger.OnPass = heap.Dispose;
        ledger.AddShared(-bytes);
        Assert.Equal(0, tag.Account.Budget.CommittedBytes);
        ledger.OnPass = null;
        Assert.Null(ledger.TryCharge(bytes));
        Assert.Equal(0, tag.Account.Budget.CommittedBytes);
    }

    // A parent's soft limit returns what is unused of the heaps that only its children are used with.
    [Fact]
    public void AParentsSoftLimitTrimsItsChildrensHeaps()
    {
        using TestArena test = new();
        DecayTimer timer = new(new ManualTime(), () => false, observesCollections: false);
        using HakmemAllocator heap = new(new HakmemOptions(), test.Arena, timer);
        using MemoryTag parent = new("parent", null, 1L << 40);
        using MemoryTag child = new("child", parent);
        IHakmemAllocator view = heap.ForTag(child);
        view.Free(view.Alloc(6 << 20));
        void* kept = view.Alloc(100_000);
        timer.OnTimer();
        Assert.InRange(heap.GetStatistics().CommittedBytes, 4 << 20, long.MaxValue);
        parent.SetLimits(50_000, 0);
        timer.OnTimer();
        Assert.InRange(heap.GetStatistics().CommittedBytes, 1, (4 << 20) - 1);
        view.Free(kept);
    }

    // With the collector's help for those that are dropped.
    [Fact]
    public void TenThousandTagsCostWhatTheLiveOnesNeed()
    {
        using MemoryTag root = new("root");
        int before = TagLedgers.Count;
        void* kept = null;
        for (int round = 0; round < 10; round++)
        {
            for (int i = 0; i < 1_000; i++)
            {
                using MemoryTag tag = new("disposed", root);
                IHakmemAllocator view = _heap.ForTag(tag);
                void* block = view.Alloc((nuint)i);
                kept = i == 500 && round == 5 ? block : kept;
                if (block != kept)
                {
                    _heap.Free(block);
                }
            }
        }

        Assert.InRange(TagLedgers.Count - before, int.MinValue, 100);
        Assert.Equal((long)_heap.UsableSize(kept), root.LiveBytes);
        for (int i = 0; i < 10; i++)
        {
            DropTags(_heap, root);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        // The next looks come when the number has doubled.
        Assert.InRange(TagLedgers.Count, 0, 4_500);
        Assert.Equal((long)_heap.UsableSize(kept), root.LiveBytes);
        _heap.Free(kept);
        Assert.Equal(0, root.LiveBytes);
    }

    [Fact]
    public void ADeepLineOfTagsCounts()
    {
        // Far more than a call for each level would have stack for.
        const int Depth = 200_000;
        MemoryTag[] line = new MemoryTag[Depth];
        for (int i = 0; i < Depth; i++)
        {
            line[i] = new MemoryTag("t", i == 0 ? null : line[i - 1]);
        }

        void* block = _heap.ForTag(line[^1]).Alloc(1_024);
        Assert.Equal(1_024, line[0].LiveBytes);
        _heap.Free(block);
        Assert.Equal(0, line[0].LiveBytes);
        Array.ForEach(line, tag => tag.Dispose());
    }

    internal static HakmemAllocator New(string kind) => kind switch
    {
        "Fallback" => HakmemAllocator.CreateFallback(),
        "Sampled" => new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 3 }),
        _ => new HakmemAllocator(new HakmemOptions { Hardening = Enum.Parse<HardeningLevel>(kind) }),
    };

    private static void FillAndFree(IHakmemAllocator allocator)
    {
        List<nint> blocks = [];
        while (allocator.TryAlloc(100_000, out void* block))
        {
            blocks.Add((nint)block);
        }

        Assert.InRange(blocks.Count, 40, 83);
        blocks.ForEach(block => allocator.Free((void*)block));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropTags(HakmemAllocator heap, MemoryTag root)
    {
        for (int i = 0; i < 1_000; i++)
        {
            heap.Free(heap.ForTag(new MemoryTag("dropped", root)).Alloc(100));
        }
    }
}
