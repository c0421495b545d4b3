using System;
using Hakmem.Large;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Pages;

// One heap's layers up to the spans, over an arena of its own.
internal sealed unsafe class SpanLayer : IDisposable
{
    public const int HeapSlot = 7;

    // Purged after 100 ms, given back after 1000 ms of whatever clock a test passes in.
    public static readonly HakmemOptions Options = new()
    {
        PurgeDelay = TimeSpan.FromMilliseconds(100),
        SuperSlabCacheTtl = TimeSpan.FromMilliseconds(1_000),
        LazyZero = LazyZeroMode.Deferred,
    };

    // For allocators that take the time from the system: nothing ages.
    public static readonly HakmemOptions Ageless = new() { LazyZero = LazyZeroMode.Off, SuperSlabCacheTtl = TimeSpan.FromDays(1) };

    // real: the memory below; null for that of this run.
    public SpanLayer(HakmemOptions options, OsMemory? real = null)
    {
        Test = new TestArena(real: real);
        Cache = new SuperSlabCache(Test.Arena, HeapSlot, options.ToLimits());
        Units = new UnitAllocator(Cache);
        Runs = new RunAllocator(Cache);
    }

    public TestArena Test { get; }

    public Arena Arena => Test.Arena;

    public FaultyMemory Os => Test.Os;

    public SuperSlabCache Cache { get; }

    public UnitAllocator Units { get; }

    public RunAllocator Runs { get; }

    public int Take()
    {
        using (Cache.SyncRoot.Enter())
        {
            return Use(Cache.TryTake(), 1);
        }
    }

    public int TakeRun(int count, int alignmentSlabs = 1)
    {
        using (Cache.SyncRoot.Enter())
        {
            return Use(Cache.TryTakeRun(count, alignmentSlabs), count);
        }
    }

    public bool TakeAt(int first, int count)
    {
        using (Cache.SyncRoot.Enter())
        {
            return Cache.TryTakeAt(first, count) && Use(first, count) >= 0;
        }
    }

    public void Put(int slab, long now, bool isDirty)
    {
        using (Cache.SyncRoot.Enter())
        {
            Arena.Slab(slab)->DirtyUnits = isDirty ? UnitMask.All : 0;
            Cache.Put(slab, SuperSlabState.Spans, now);
        }
    }

    public void ReleaseCached()
    {
        using (Cache.SyncRoot.Enter())
        {
            Cache.ReleaseCached();
        }
    }

    public void AssertCountsAgree()
    {
        Assert.Equal(Test.CommittedBytes, Cache.CommittedBytes);
        Assert.Equal(Cache.OwnedCount, (int)(Test.CommittedBytes >> Geometry.SlabShift));
    }

    public bool TryExtend(int unit, int count, int newCount)
    {
        using (Cache.SyncRoot.Enter())
        {
            return Units.TryExtend(unit, count, newCount);
        }
    }

    public void Dispose() => Test.Dispose();

    // Lets SuperSlabs that were taken be in the state in which UnitAllocator has them.
    private int Use(int first, int count)
    {
        for (int slab = first; slab >= 0 && slab < first + count; slab++)
        {
            Arena.Slab(slab)->SetState(SuperSlabState.Cached, SuperSlabState.Spans);
        }

        return first;
    }
}
