using System;
using System.Linq;
using System.Threading;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Two threads that free or resize one and the same block at the same moment, which is a bug of the program's: one of
// them is told so, and the heap is whole afterwards. Of blocks that are no size class's; two threads that meet before
// and after each round.
[Category(TestCategory.Stress)]
public sealed unsafe class SameBlockRaceTests : IDisposable
{
    private const int Rounds = 600;
    private const nuint KiB = BlockSizes.KiB;
    private const nuint SuperSlab = BlockSizes.SuperSlab;

    private readonly TestArena _test = new();
    private HakmemAllocator _heap = null!;

    // Whether one of the threads has ended: the other waits for it no longer.
    private volatile bool _isOver;

    // How many threads have come to the meeting points so far.
    private long _arrivals;

    // Written by the first thread before a meeting, read by the second after it. The results each by its own thread.
    private void* _block;

    // What lies behind the block, or null. The first thread's.
    private void* _wall;
    private readonly nint[] _results = new nint[2];
    private readonly Exception?[] _failures = new Exception?[2];

    public enum Kind
    {
        UnitRun,
        FullUnitRun,
        SuperSlabRun,
        SuperSlabRunInTheWay,
        GuardedUnits,
        GuardedSuperSlabs,
    }

    public static TheoryData<Kind> Kinds { get; } = [.. Enum.GetValues<Kind>()];

    public void Dispose()
    {
        _heap?.Dispose();
        _test.Dispose();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OneOfTwoFreesOfTheSameBlockIsRefused(Kind kind) => Race(kind, (block, _) => FreeIt(block), () =>
        Assert.Single(_failures, failure => failure is null));

    [Fact]
    public void EachRunOfUnitsIsFreedByOneOfTwoThreads()
    {
        const int Runs = 24;
        _heap = new HakmemAllocator(OptionsOf(Kind.UnitRun), _test.Arena);
        nint[] runs = new nint[Runs];
        int freed = 0;
        Workers.Run(2, index =>
        {
            for (int round = 0; round < Rounds / 3 && !_isOver; round++)
            {
                if (index == 0)
                {
                    runs = [.. runs.Select(_ => (nint)_heap.Realloc(_heap.Alloc(60 * KiB), 100 * KiB))];
                }

                Meet();
                foreach (nint run in runs)
                {
                    Exception? failure = Record(() => FreeIt(run));
                    _isOver |= failure is not (null or HakmemCorruptionException);
                    Interlocked.Add(ref freed, failure is null ? 1 : 0);
                }

                Meet();
                _isOver |= Volatile.Read(ref freed) != Runs * (round + 1);
                Meet();
            }
        });
        Assert.False(_isOver, "A run was freed twice or not at all, or something else was thrown than that it was freed already.");
        ArenaAudit.Check(_heap);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void FreeBesideGrowthLeavesTheHeapWhole(Kind kind) => RaceFreeWithRealloc(kind, bytes => bytes + (300 * KiB));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void FreeBesideGrowthBySuperSlabsLeavesTheHeapWhole(Kind kind) =>
        RaceFreeWithRealloc(kind, bytes => bytes + (3 * SuperSlab));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void FreeBesideShrinkingLeavesTheHeapWhole(Kind kind) => RaceFreeWithRealloc(kind, bytes => (bytes / 2) + 1);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void FreeBesideUsableSizeLeavesTheHeapWhole(Kind kind) => Race(
        kind,
        (block, index) => index == 0 ? FreeIt(block) : SizeOf(block),
        () => Assert.Null(_failures[0]));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TwoResizesOfTheSameBlockLeaveTheHeapWhole(Kind kind) => Race(
        kind,
        (block, index) => (nint)_heap.Realloc((void*)block, BytesOf(kind) + ((nuint)index * 3 * SuperSlab) + (100 * KiB)),
        () =>
        {
            // Both succeed where the first to come did so in place; the other says where the block is then.
            Assert.False(_failures[0] is not null && _failures[1] is not null);
            nint left = _failures[1] is not null || (_failures[0] is null && _results[0] != (nint)_block) ? _results[0] : _results[1];
            Assert.True(_failures[0] is not null || _failures[1] is not null || _results[0] == (nint)_block || _results[1] == (nint)_block);
            _heap.Free((void*)left);
        });

    private void RaceFreeWithRealloc(Kind kind, Func<nuint, nuint> newBytes) => Race(
        kind,
        (block, index) => index == 0 ? FreeIt(block) : (nint)_heap.Realloc((void*)block, newBytes(BytesOf(kind))),
        () =>
        {
            if (_failures[0] is not null)
            {
                // The resize came first and moved the block, which is still there.
                Assert.Null(_failures[1]);
                _heap.Free((void*)_results[1]);
            }
            else if (_failures[1] is null)
            {
                // The resize came first and left the block where it was, and then it was freed.
                Assert.Equal((nint)_block, _results[1]);
            }
        });

    // Has both threads do it to the same block, round after round, and the first judge what came of it. The judge frees
    // what is left.
    private void Race(Kind kind, Func<nint, int, nint> step, Action judge)
    {
        _heap = new HakmemAllocator(OptionsOf(kind), _test.Arena);
        Workers.Run(2, index =>
        {
            try
            {
                for (int round = 0; round < Rounds && !_isOver; round++)
                {
                    RunRound(kind, index, round, step, judge);
                }
            }
            finally
            {
                _isOver = true;
            }
        });
        ArenaAudit.Check(_heap);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    private void RunRound(Kind kind, int index, int round, Func<nint, int, nint> step, Action judge)
    {
        if (index == 0)
        {
            _block = Allocate(kind);
        }

        Meet();
        _results[index] = 0;
        _failures[index] = Record(() => _results[index] = step((nint)_block, index));
        Meet();
        if (index == 0)
        {
            Judge(round, judge);
        }

        Meet();
    }

    private void Judge(int round, Action judge)
    {
        foreach (Exception? failure in _failures)
        {
            Assert.True(failure is null or HakmemCorruptionException, $"In round {round}: {failure}");
        }

        judge();
        _heap.Free(_wall);
        _wall = null;
        _heap.Trim();
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal((0, 0, 0), (statistics.LiveBlocks, statistics.LiveBytes, statistics.CommittedBytes));
    }

    private void* Allocate(Kind kind)
    {
        switch (kind)
        {
            case Kind.UnitRun or Kind.FullUnitRun:
                return _heap.Realloc(_heap.Alloc(60 * KiB), BytesOf(kind));
            case Kind.SuperSlabRunInTheWay:
                // It cannot grow where it is, so its pages are moved.
                void* block = _heap.Alloc(BytesOf(kind));
                _wall = _heap.Alloc(SuperSlab);
                return block;
            default:
                return _heap.Alloc(BytesOf(kind));
        }
    }

    private nint FreeIt(nint block)
    {
        _heap.Free((void*)block);
        return 0;
    }

    private nint SizeOf(nint block) => (nint)_heap.UsableSize((void*)block);

    // Not a Barrier: who waits there is woken late, and then the other has done it already.
    private void Meet()
    {
        long arrival = Interlocked.Increment(ref _arrivals);
        long last = (arrival + 1) / 2 * 2;
        SpinWait spin = default;
        while (Volatile.Read(ref _arrivals) < last && !_isOver)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private static Exception? Record(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private static nuint BytesOf(Kind kind) => kind switch
    {
        Kind.UnitRun => 400 * KiB,
        Kind.FullUnitRun => SuperSlab,
        Kind.SuperSlabRun or Kind.SuperSlabRunInTheWay => 3 * SuperSlab,
        Kind.GuardedUnits => 300 * KiB,
        _ => 3 * SuperSlab,
    };

    private static HakmemOptions OptionsOf(Kind kind) => new()
    {
        Hardening = kind is Kind.GuardedUnits or Kind.GuardedSuperSlabs ? HardeningLevel.Full : HardeningLevel.Standard,
        QuarantineBytes = 0,
        LazyZero = LazyZeroMode.Deferred,
        PurgeDelay = TimeSpan.FromDays(1),
    };
}
