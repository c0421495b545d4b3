using System;
using Hakmem.Os;
using Hakmem.Reclaim;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// Decay beside what hardening and sampling keep from reuse.
public sealed unsafe class HardenedDecayTests : IDisposable
{
    private const long Ages = 3_600_000;
    private const int Blocks = 200;

    private readonly ManualTime _time = new();
    private readonly TestArena _test = new();
    private readonly DecayTimer _timer;

    public HardenedDecayTests() => _timer = new DecayTimer(_time, () => false, observesCollections: false);

    // The level, the sample interval, and a size on either side of what is guarded with full hardening.
    public static TheoryData<HardeningLevel, int, long> Modes { get; } = new()
    {
        { HardeningLevel.Full, 0, 64 },
        { HardeningLevel.Full, 0, 5_000 },
        { HardeningLevel.Full, 0, 3 << 20 },
        { HardeningLevel.Standard, 1, 64 },
        { HardeningLevel.Standard, 1, 5_000 },
    };

    public void Dispose() => _test.Dispose();

    [Theory]
    [MemberData(nameof(Modes))]
    public void WithoutAQuarantineEverythingComesBack(HardeningLevel level, int interval, long size)
    {
        using HakmemAllocator heap = NewHeap(level, interval, quarantineBytes: 0);
        UseAndFree(heap, (nuint)size);
        _time.Advance(Ages);
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
        Assert.Equal(0, _test.CommittedBytes);
        Assert.False(_timer.IsArmed);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void AQuarantineStaysUntilATrim(HardeningLevel level, int interval, long size)
    {
        using HakmemAllocator heap = NewHeap(level, interval, quarantineBytes: 1L << 30);
        UseAndFree(heap, (nuint)size);
        _time.Advance(Ages);
        HakmemStatistics after = heap.GetStatistics();
        Assert.Equal(0, after.LiveBlocks);
        Assert.InRange(after.CachedBytes, size, long.MaxValue);
        if (SystemNeeds.Has(OsFeatures.DiscardKeepsCommitted))
        {
            Assert.InRange(after.CommittedBytes, after.CachedBytes, long.MaxValue);
        }

        ArenaAudit.Check(heap);

        // It is nothing that time would give back, so nothing looks at it.
        Assert.False(_timer.IsArmed);
        heap.Trim();
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
        Assert.Equal(0, _test.CommittedBytes);
    }

    private static void UseAndFree(HakmemAllocator heap, nuint size)
    {
        nint[] blocks = new nint[size > 1 << 20 ? 3 : Blocks];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = (nint)heap.Alloc(size);
            *(byte*)blocks[i] = 1;
        }

        Array.ForEach(blocks, block => heap.Free((void*)block));
    }

    private HakmemAllocator NewHeap(HardeningLevel level, int interval, long quarantineBytes) => new(
        new HakmemOptions
        {
            Hardening = level,
            GuardedSampleInterval = interval,
            QuarantineBytes = quarantineBytes,
            FaultReports = false,
            PurgeDelay = TimeSpan.FromMilliseconds(1_000),
            SuperSlabCacheTtl = TimeSpan.FromMilliseconds(10_000),
        },
        _test.Arena,
        _timer);
}
