using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Small;

// Whose cache is whose, and what becomes of it when its thread ends. No collection is needed for any of it.
public sealed unsafe class ThreadCacheRegistryTests : IDisposable
{
    private const long Budget = 4L << 20;
    private const int Tiny = 3;

    private readonly CacheLayer _layer = new(0);
    private readonly ThreadCacheRegistry _registry;

    public ThreadCacheRegistryTests() =>
        _registry = new ThreadCacheRegistry(_layer.Arena, SpanLayer.HeapSlot, CacheLayer.Classes, _layer.Exchange, Budget);

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void ADeadThreadsCacheIsTakenOverWithItsBlocks()
    {
        nint first = 0;
        Workers.RunOne(() =>
        {
            first = (nint)_registry.TryGet();
            _layer.Put((ThreadCache*)first, Tiny, _layer.Take((ThreadCache*)first, Tiny));
        });
        int blocks = BinCounts.CountOf((ThreadCache*)first, Tiny);
        Assert.True(blocks > 0);
        Assert.Equal(1, _registry.Count);
        Assert.Equal(first, (nint)_registry.TryGet());
        Assert.Equal(blocks, BinCounts.CountOf((ThreadCache*)first, Tiny));
        Assert.Equal(1, _registry.Count);
    }

    [Fact]
    public void ALiveThreadsCacheIsLeftAlone()
    {
        HashSet<nint> caches = [];
        Workers.RunAndHold(
            5,
            _ =>
            {
                nint cache = (nint)_registry.TryGet();
                lock (caches)
                {
                    Assert.True(caches.Add(cache));
                }
            },
            whileIdle: () =>
            {
                _registry.FlushDead();
                Assert.Equal(5, _registry.Count);
                Assert.DoesNotContain((nint)_registry.TryGet(), caches);
            });
        Assert.Equal(6, _registry.Count);
    }

    // Else a free on its way from a magazine to what freed has would be counted in both.
    [Fact]
    public void WhatWasFreedIsCountedWhileNoCacheCanMoveAny()
    {
        ThreadCache* cache = _registry.TryGet();
        CountedFreedBlocks freed = new(() =>
        {
            bool isOpen = CacheGate.TryCloseOther(cache);
            if (isOpen)
            {
                CacheGate.OpenOther(cache);
            }

            return isOpen;
        });
        long[] kept = new long[CacheLayer.Classes.Length];
        Assert.True(_registry.TryCountHeld(_layer.Depots, freed, new long[CacheLayer.Classes.Length], kept));
        Assert.Equal(7, kept[Tiny]);
        Assert.False(freed.WasOpen);
        Assert.True(CacheGate.TryCloseOther(cache));
    }

    // Tables of what else a thread has are kept by the number: no two caches may have one at a time, and those of ended
    // threads come again.
    [Fact]
    public void NumbersAreTheLowestThatNoCacheHas()
    {
        ConcurrentBag<int> numbers = [];
        void TakeAll() => Workers.RunAndHold(
            5,
            _ =>
            {
                numbers.Add(_registry.TryGet()->Number);
            },
            whileIdle: () =>
            {
                Assert.Equal(Enumerable.Range(0, 5), numbers.Order());
                numbers.Clear();
            });

        TakeAll();
        TakeAll();
        Assert.True(_registry.FlushDead());
        TakeAll();
    }

#if DEBUG
    [Fact]
    public void EntriesWithoutTheLockThrows()
    {
        Assert.Throws<System.Threading.SynchronizationLockException>(() => _registry.Entries);
        using (_registry.SyncRoot.Enter())
        {
            Assert.Equal(0, _registry.Entries.Count);
        }
    }
#endif

    [Fact]
    public void AThousandThreadsOneAfterAnotherNeedOneCache()
    {
        long before = 0;
        for (int thread = 0; thread < 1_000; thread++)
        {
            Workers.RunOne(() => Assert.True(_registry.TryGet() != null));
            before = thread == 0 ? _layer.Arena.Metadata.HeldBytes : before;
        }

        Assert.Equal(1, _registry.Count);
        Assert.Equal(before, _layer.Arena.Metadata.HeldBytes);
    }

    [Fact]
    public void FlushingTheDeadGivesTheirBlocksToTheDepotsAndFreesTheirRecords()
    {
        Workers.RunAndHold(
            4,
            _ =>
            {
                lock (_registry)
                {
                    ThreadCache* cache = _registry.TryGet();
                    _layer.Put(cache, Tiny, _layer.Take(cache, Tiny));
                }
            },
            whileIdle: () => { });
        _registry.FlushDead();
        Assert.Equal(0, _registry.Count);
        (long isOut, long here, _) = _layer.Depots[Tiny].Count();
        Assert.Equal(isOut, here);
        Assert.True(here > 0);
        Assert.Equal((nuint)0, _layer.Depots[Tiny].FlushAll());

        // New threads get records from the same memory, as new.
        long held = _layer.Arena.Metadata.HeldBytes;
        ThreadCache* next = _registry.TryGet();
        Assert.Equal(held, _layer.Arena.Metadata.HeldBytes);
        Assert.Equal(0, next->CapacityBytes);
        Assert.Equal(0, BinCounts.CountOf(next, Tiny));
    }

    [Fact]
    public void ManyThreadsShareSixteenBudgetsDownToAQuarterMebibyteEach()
    {
        long[] budgets = new long[300];
        Workers.RunAndHold(
            budgets.Length,
            _ =>
            {
                lock (budgets)
                {
                    _registry.TryGet();
                    budgets[_registry.Count - 1] = _layer.Exchange.BudgetBytes;
                }
            },
            whileIdle: () => { });
        for (int threads = 1; threads <= budgets.Length; threads++)
        {
            Assert.Equal(Math.Min(Budget, Math.Max(Budget * 8 / threads, 256 << 10)), budgets[threads - 1]);
        }

        _registry.FlushDead();
        Assert.Equal(Budget, _layer.Exchange.BudgetBytes);
    }

    // Eight times as much is no number any more, and was taken for less than the least.
    [Theory]
    [InlineData((long.MaxValue / 8) + 1)]
    [InlineData(long.MaxValue)]
    public void ABudgetWhoseTotalOverflowsIsKept(long budget)
    {
        ThreadCacheRegistry registry = new(_layer.Arena, SpanLayer.HeapSlot, CacheLayer.Classes, _layer.Exchange, budget);
        Assert.True(registry.TryGet() != null);
        Assert.Equal(budget, _layer.Exchange.BudgetBytes);
    }

    [Fact]
    public void CountsAreThoseOfAllCaches()
    {
        Workers.RunAndHold(
            3,
            _ =>
            {
                lock (_registry)
                {
                    ThreadCache* cache = _registry.TryGet();
                    _layer.Put(cache, Tiny, _layer.Take(cache, Tiny));
                }
            },
            whileIdle: () =>
            {
                long[] counts = new long[CacheLayer.Classes.Length];
                _registry.CountBlocks(counts);
                Assert.Equal(_layer.Depots[Tiny].Count().BlocksOut, counts[Tiny]);
                Assert.Equal(counts[Tiny], counts.Sum());
            });
    }

    [Fact]
    public void WithoutMemoryThereIsNoCacheUntilAThreadEnds()
    {
        Workers.RunOne(() => Assert.True(_registry.TryGet() != null));
        Assert.True(_registry.TryGet() != null);
        _layer.Spans.Os.RefuseAll(OsCall.Reserve);
        while (_layer.Arena.Metadata.TryAllocate(64) != null)
        {
        }

        Workers.RunOne(() => Assert.True(_registry.TryGet() == null));
        Assert.Equal(1, _registry.Count);
    }

    // Of one class it says that it has seven.
    private sealed class CountedFreedBlocks(Func<bool> isOpen) : BlockQuarantine
    {
        public bool WasOpen { get; private set; }

        public override void Keep(void** blocks, int count, int sizeClass) => throw new NotSupportedException();

        public override void FlushExcess() => throw new NotSupportedException();

        public override void CountBlocks(long[] counts)
        {
            WasOpen |= isOpen();
            counts[Tiny] += 7;
        }
    }
}
