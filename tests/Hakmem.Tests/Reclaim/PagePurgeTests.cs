using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Reclaim;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// What few live blocks among many freed ones keep of their spans, by a clock that the test moves.
[Needs(SystemNeed.DiscardKeepsCommitted)]
public sealed unsafe class PagePurgeTests : IDisposable
{
    private const long Delay = 1_000;
    private const long Bytes = 16L << 20;
    private const int KeptOneIn = 64;

    private readonly ManualTime _time = new();
    private readonly TestArena _test = new();
    private readonly DecayTimer _timer;
    private HakmemAllocator? _heap;

    public PagePurgeTests() => _timer = new DecayTimer(_time, null, observesCollections: false);

    public static TheoryData<string> HeapsThatKeepPages { get; } =
        [nameof(LazyZeroMode.Off), nameof(HugePageMode.Always), nameof(HardeningLevel.Full)];

    private HakmemAllocator Heap => _heap ?? throw new InvalidOperationException("The test has no heap yet.");

    public void Dispose()
    {
        _heap?.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData(256)]
    [InlineData(1_024)]
    [InlineData(6_000)]
    public void FewLiveBlocksKeepTheirOwnPagesOnly(int size)
    {
        NewHeap(new HakmemOptions());
        Block[] kept = KeepFew(size);
        _time.Advance(2 * Delay);
        HakmemStatistics statistics = Heap.GetStatistics();
        Assert.Equal(PagesOf(kept) * (long)_test.Os.PageSize, statistics.DirtyBytes);
        Assert.True(statistics.DirtyBytes < Bytes / 4, statistics.ToString());
        Assert.Equal(statistics.DirtyBytes, Heap.GetHeapMap().SuperSlabs.Sum(slab => slab.DirtyBytes));
        Assert.Empty(Heap.Verify().Problems);

        // What was discarded is not discarded again.
        _time.Advance(2 * Delay);
        Assert.Equal(statistics.PurgedBytes, Heap.GetStatistics().PurgedBytes);
        Array.ForEach(kept, block => block.VerifyAndFree(Heap));
        _time.Advance(20 * Delay);
        Assert.Equal(0, Heap.GetStatistics().CommittedBytes);
    }

    [Fact]
    public void ATrimDiscardsFreePagesAtOnce()
    {
        NewHeap(new HakmemOptions());
        Block[] kept = KeepFew(1_024);
        Heap.Trim();
        Assert.Equal(PagesOf(kept) * (long)_test.Os.PageSize, Heap.GetStatistics().DirtyBytes);
        Array.ForEach(kept, block => block.VerifyAndFree(Heap));
    }

    [Fact]
    public void BlocksOfDiscardedPagesAreDirtyAgain()
    {
        NewHeap(new HakmemOptions());
        Block[] kept = KeepFew(1_024);
        _time.Advance(2 * Delay);
        long before = Heap.GetStatistics().DirtyBytes;
        Block[] more = [.. Enumerable.Range(0, 4_000).Select(i => Block.Allocate(Heap, 1_024, (uint)i))];
        Assert.InRange(Heap.GetStatistics().DirtyBytes, before + (more.Length * 512), long.MaxValue);
        Array.ForEach(kept, block => block.VerifyAndFree(Heap));
        Array.ForEach(more, block => block.VerifyAndFree(Heap));
        Assert.Empty(Heap.Verify().Problems);
    }

    [Theory]
    [MemberData(nameof(HeapsThatKeepPages))]
    public void SomeHeapsKeepTheirFreePages(string mode)
    {
        NewHeap(new HakmemOptions
        {
            LazyZero = mode == nameof(LazyZeroMode.Off) ? LazyZeroMode.Off : LazyZeroMode.Deferred,
            HugePages = mode == nameof(HugePageMode.Always) ? HugePageMode.Always : HugePageMode.Default,
            Hardening = mode == nameof(HardeningLevel.Full) ? HardeningLevel.Full : HardeningLevel.Standard,
        });
        Block[] kept = KeepFew(1_000);
        _time.Advance(2 * Delay);
        HakmemStatistics statistics = Heap.GetStatistics();
        Assert.True(statistics.DirtyBytes >= statistics.SizeClasses.Sum(row => row.SpanBytes), statistics.ToString());
        Array.ForEach(kept, block => block.VerifyAndFree(Heap));
    }

    private void NewHeap(HakmemOptions options) => _heap = new HakmemAllocator(
        options with
        {
            PurgeDelay = TimeSpan.FromMilliseconds(Delay),
            SuperSlabCacheTtl = TimeSpan.FromMilliseconds(10 * Delay),
        },
        _test.Arena,
        _timer);

    // Blocks of one size, most of which are freed in random order by a thread that then ends.
    private Block[] KeepFew(int size)
    {
        List<Block> kept = [];
        Workers.Run(1, _ =>
        {
            Random random = new(size);
            IEnumerable<int> numbers = Enumerable.Range(0, (int)(Bytes / size));
            Block[] all = [.. numbers.Select(i => Block.Allocate(Heap, (nuint)size, (uint)i))];
            random.Shuffle(all);
            kept.AddRange(all[..(all.Length / KeptOneIn)]);
            Array.ForEach(all[kept.Count..], block => block.VerifyAndFree(Heap));
        });
        return [.. kept];
    }

    // How many pages the blocks lie on.
    private int PagesOf(Block[] blocks)
    {
        nint page = (nint)_test.Os.PageSize;
        HashSet<nint> pages = [];
        foreach (Block block in blocks)
        {
            nint end = block.Address + (nint)Heap.UsableSize((void*)block.Address);
            for (nint at = block.Address / page; at <= (end - 1) / page; at++)
            {
                pages.Add(at);
            }
        }

        return pages.Count;
    }
}
