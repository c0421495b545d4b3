using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Options that make no sense are refused when the heap is made, and every other combination works.
public sealed unsafe class OptionsTests
{
    [Fact]
    public void ValuesOutOfRangeAreRefused()
    {
        Refused(new HakmemOptions { MaxBytes = -1 });
        Refused(new HakmemOptions { MaxBytes = 1 });
        Refused(new HakmemOptions { MaxBytes = (2 << 20) - 1 });
        Refused(new HakmemOptions { ThreadCacheBytes = -1 });
        Refused(new HakmemOptions { SuperSlabCacheCount = -1 });
        Refused(new HakmemOptions { SuperSlabCacheBytes = -1 });
        Refused(new HakmemOptions { SuperSlabCacheTtl = TimeSpan.FromTicks(-1) });
        Refused(new HakmemOptions { PurgeDelay = TimeSpan.FromTicks(-1) });
        Refused(new HakmemOptions { Prefault = (PrefaultMode)99 });
        Refused(new HakmemOptions { LazyZero = (LazyZeroMode)(-1) });
        Refused(new HakmemOptions { HugePages = (HugePageMode)99 });
        Refused(new HakmemOptions { Hardening = (HardeningLevel)99 });
    }

    [Fact]
    public void ExtremeValuesWork()
    {
        Works(new HakmemOptions
        {
            MaxBytes = long.MaxValue,
            ThreadCacheBytes = long.MaxValue,
            SuperSlabCacheCount = int.MaxValue,
            SuperSlabCacheBytes = long.MaxValue,
            SuperSlabCacheTtl = TimeSpan.MaxValue,
            PurgeDelay = TimeSpan.MaxValue,
        });
        Works(new HakmemOptions
        {
            MaxBytes = 64 << 20,
            ThreadCacheBytes = 0,
            SuperSlabCacheCount = 0,
            SuperSlabCacheBytes = 0,
            SuperSlabCacheTtl = TimeSpan.Zero,
            PurgeDelay = TimeSpan.Zero,
        });
    }

    [Fact]
    public void EveryCombinationOfModesWorks()
    {
        foreach (PrefaultMode prefault in Enum.GetValues<PrefaultMode>())
        {
            foreach (LazyZeroMode lazyZero in Enum.GetValues<LazyZeroMode>())
            {
                foreach (HugePageMode hugePages in Enum.GetValues<HugePageMode>())
                {
                    Works(new HakmemOptions { Prefault = prefault, LazyZero = lazyZero, HugePages = hugePages });
                }
            }
        }
    }

    [Fact]
    public void WhatIsGivenIsWhatIsRead()
    {
        HakmemOptions options = new() { MaxBytes = 6 << 20, PurgeDelay = TimeSpan.FromMinutes(3), Hardening = HardeningLevel.Full };
        Assert.Equal(6 << 20, options.MaxBytes);
        Assert.Equal(TimeSpan.FromMinutes(3), options.PurgeDelay);
        Assert.Equal(HardeningLevel.Full, options.Hardening);
        HakmemOptions changed = options with { MaxBytes = 0 };
        Assert.Equal(0, changed.MaxBytes);
        Assert.Equal(TimeSpan.FromMinutes(3), changed.PurgeDelay);
    }

    private static void Refused(HakmemOptions options)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new HakmemAllocator(options));
    }

    private static void Works(HakmemOptions options)
    {
        using HakmemAllocator heap = new(options);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
    }
}
