using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Concurrency;
using Hakmem.Tests.Small;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// The reaper's own steps, in the order of the model that was checked, and beside an owner that stands between two of
// its own.
public sealed unsafe class CacheReaperTests : IDisposable
{
    // Stacked: one magazine serves Alloc and Free.
    private const int Stacked = 40;

    // Alloc takes from one magazine, Free puts into another.
    private const int Paired = 3;
    private const int Blocks = 3;

    private readonly CacheLayer _layer = new(64L << 20);
    private readonly ThreadCache* _cache;
    private readonly CacheReaper _reaper;
    private readonly CacheEntryList _entries = new();
    private bool _isOver;

    public CacheReaperTests()
    {
        _cache = _layer.NewCache();
        _reaper = new CacheReaper(_layer.Depots, _layer.Arena.Metadata);
    }

    private Bin* StackedBin => ThreadCache.BinAt(_cache, Stacked);

    public void Dispose()
    {
        Volatile.Write(ref _isOver, true);
        _layer.Dispose();
    }

    // Run alone, one after the other: the owner waits (it is the calling thread), nothing or everything is taken.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StepsAreThoseOfTheModel(bool isForced)
    {
        FillBin(Thread.CurrentThread);
        if (!isForced)
        {
            // Seen once, so that the bin counts as idle.
            _reaper.ReapSome(_entries, 0, isForced: false);
        }

        Assert.Equal(StepsOfModel(isAtRest: true), StepsOfReaper(isForced));
        Assert.Equal(0, BinCounts.CountOf(_cache, Stacked));
    }

    [Fact]
    public void StepsBesideARunningOwnerAreThoseOfTheModel()
    {
        FillBin(StartRunningThread());
        Assert.Equal(StepsOfModel(isAtRest: false), StepsOfReaper(isForced: true));
        Assert.Equal(1, BinCounts.CountOf(_cache, Stacked));
    }

    // The owner reads a block before the guard is set, and its store to the top comes after the reaper has looked: the
    // block is the owner's. The first allocation moves the top to where the guard is going to be, so that it tells
    // nothing.
    [Fact]
    public void AnAllocationThatIsUnderWayKeepsItsBlock()
    {
        FillBin(StartRunningThread());
        nint first = 0;
        nint second = 0;
        _reaper.Probe = step =>
        {
            if (step == ReaperStep.SetGuard)
            {
                first = (nint)(*StackedBin->AllocTop);
                StackedBin->AllocTop--;
                second = (nint)(*StackedBin->AllocTop);
            }
            else if (step is ReaperStep.PutBack or ReaperStep.TakeSlots)
            {
                StackedBin->AllocTop--;
            }
        };
        _reaper.ReapSome(_entries, 0, isForced: true);
        _reaper.Probe = null;

        AssertAllAreOutOnce(Stacked, [first, second]);
    }

    // The owner has read the end of a bin before the reaper closes it, and puts its block when both magazines have been
    // emptied: so they change places while the one that was taken from has a gap at the bottom.
    [Fact]
    public void TryAllocFromSecondaryClosesTheReapersGap()
    {
        nint[] blocks = [.. Enumerable.Range(0, Blocks).Select(_ => (nint)_layer.Take(_cache, Paired))];
        _layer.Put(_cache, Paired, (void*)blocks[0]);
        Bin* bin = ThreadCache.BinAt(_cache, Paired);
        FreeSide* put = ThreadCache.FreeSideOf(_cache, Paired);
        Magazine* emptied = bin->Primary;
        _entries.Add(new CacheEntry(StartRunningThread()) { Cache = _cache });
        _reaper.Probe = step =>
        {
            if (step == ReaperStep.OpenGate)
            {
                put->FreeTop[1] = (void*)blocks[1];
                put->FreeTop++;
            }
        };
        _reaper.ReapSome(_entries, 0, isForced: true);
        _reaper.Probe = null;

        // One block stays on top, as the owner is not at rest.
        Assert.True(emptied->Holes > 0);
        nint last = (nint)_layer.Take(_cache, Paired);
        Assert.True(CacheExchange.TryAllocFromSecondary(_cache, Paired) == (void*)blocks[1]);
        Assert.True(bin->Secondary == emptied);
        _layer.Put(_cache, Paired, (void*)last);
        Assert.Equal(1, BinCounts.CountOf(_cache, Paired));
        AssertAllAreOutOnce(Paired, blocks[1..]);
    }

    [Fact]
    public void ReapSomeVisitsAsManyCachesAsOneRecordHasRoomFor()
    {
        int fitting = MetadataAllocator.MaxRecordBytes / (2 * Stripe.Bins * sizeof(ReapCandidate));
        for (int i = 0; i <= fitting; i++)
        {
            _entries.Add(new CacheEntry(Thread.CurrentThread) { Cache = _layer.NewCache() });
        }

        Assert.Equal(fitting, _reaper.ReapSome(_entries, 0, isForced: true));
        Assert.Equal(fitting + 1, _reaper.ReapSome(_entries, fitting, isForced: true));
    }

    // Each block can be returned to its span once, and with those in the cache that is all.
    private void AssertAllAreOutOnce(int index, nint[] blocks)
    {
        Depot depot = _layer.Depots[index];
        Array.ForEach(blocks, block => Assert.True(depot.TryFreeOne((void*)block), "The reaper took a block that is not its own."));
        _layer.Exchange.FlushAll(_cache);
        Assert.Equal((nuint)0, depot.FlushAll());
        Assert.Equal(0, depot.Count().BlocksOut);
    }

    private static List<ReaperStep> StepsOfModel(bool isAtRest)
    {
        // The owner's script is empty or one long wait, of which its first step is taken before the reaper begins.
        ReapingModel model = new(ReapingFlaw.None, isAtRest ? "W" : "", rounds: 1);
        ModelExecution run = new(model);
        if (isAtRest)
        {
            run.Take(run.Enabled().First(way => way.Thread == 0));
        }

        List<ReaperStep> steps = [];
        while (model.Threads[1].Next is { } op)
        {
            // The owner stands still, but for being reached by a barrier.
            List<ModelTransition> ways = run.Enabled();
            int own = ways.FindIndex(way => way.Thread == 1);
            if (own >= 0 && op.Kind != ModelOpKind.ProcessWideBarrierEnd && op.Step is { } step)
            {
                steps.Add(step);
            }

            run.Take(own >= 0 ? ways[own] : ways.Find(way => way.Choice == ModelTransition.ReachedByBarrier));
        }

        return steps;
    }

    private List<ReaperStep> StepsOfReaper(bool isForced)
    {
        List<ReaperStep> steps = [];
        _reaper.Probe = steps.Add;
        _reaper.ReapSome(_entries, 0, isForced);
        _reaper.Probe = null;
        return steps;
    }

    private void FillBin(Thread owner)
    {
        nint[] blocks = [.. Enumerable.Range(0, Blocks).Select(_ => (nint)_layer.Take(_cache, Stacked))];
        _layer.Exchange.FlushAll(_cache);
        _layer.Depots[Stacked].FlushAll();
        Array.ForEach(blocks, block => _layer.Put(_cache, Stacked, (void*)block));
        Assert.Equal(Blocks, BinCounts.CountOf(_cache, Stacked));
        _entries.Add(new CacheEntry(owner) { Cache = _cache });
    }

    private Thread StartRunningThread()
    {
        Thread thread = new(() =>
        {
            while (!Volatile.Read(ref _isOver))
            {
                Thread.SpinWait(100);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }
}
