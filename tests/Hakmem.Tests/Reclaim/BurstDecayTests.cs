using System;
using System.Linq;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// A burst in blocks of mixed sizes on many threads, which free everything and then sleep: twice the delay later less than a twentieth is left, at
// whatever moment between two looks it was freed, and if looks themselves take long. By a clock that the test moves.
[Category(TestCategory.Stress)]
public sealed unsafe class BurstDecayTests : IDisposable
{
    private const long Delay = 1_000;
    private const long Interval = Delay / 4;
    private const int Threads = 64;
    private const nuint BytesEach = BlockSizes.MiB;

    private static readonly nuint[] s_sizes = [192, 1_000, 9_000, BlockSizes.Mid, BlockSizes.MiB, 2 * BlockSizes.MiB];

    private readonly ManualTime _time = new();
    private readonly TestArena _test = new(2L << 30);
    private readonly HakmemAllocator _heap;
    private long _lookTakesMs;

    public BurstDecayTests()
    {
        DecayTimer timer = new(_time, TakeTime, observesCollections: false);
        _heap = new HakmemAllocator(new HakmemOptions { PurgeDelay = TimeSpan.FromMilliseconds(Delay) }, _test.Arena, timer);
    }

    // How long after a look the burst is freed, and how long each look takes.
    public static MatrixTheoryData<long, long> Moments { get; } =
        new([0, 1, Interval / 2, Interval - 1], [0, Delay / 10, Delay / 5]);

    public void Dispose()
    {
        _heap.Dispose();
        _test.Dispose();
    }

    [Theory]
    [MemberData(nameof(Moments))]
    public void ABurstIsGoneWithinTwiceTheDelay(long offset, long lookTakesMs)
    {
        _lookTakesMs = lookTakesMs;
        using Barrier allAreLive = new(Threads);
        Workers.RunAndHold(Threads, _ => Burst(allAreLive.SignalAndWait), whileIdle: () =>
        {
            // The last of the burst is freed between two looks.
            _time.Advance(offset);
            Burst(() => { });
            long peak = _heap.GetStatistics().PeakCommittedBytes;
            Assert.InRange(peak, (long)BytesEach * s_sizes.Length * Threads, long.MaxValue);

            // The last look to begin by then ends by twice the delay.
            _time.Advance((2 * Delay) - lookTakesMs);
            HakmemStatistics after = _heap.GetStatistics();
            Assert.InRange(after.DirtyBytes, 0, peak / 20);
            Assert.InRange(after.CachedBytes, 0, peak / 20);
        });
    }

    private bool TakeTime()
    {
        if (_lookTakesMs > 0)
        {
            _time.Advance(_lookTakesMs);
        }

        return false;
    }

    private void Burst(Action whileLive)
    {
        nint[] blocks = [.. s_sizes.SelectMany(size => Enumerable.Repeat(size, (int)nuint.Max(1, BytesEach / size))).Select(AllocateAndTouch)];
        whileLive();
        Array.ForEach(blocks, block => _heap.Free((void*)block));
    }

    private nint AllocateAndTouch(nuint size)
    {
        byte* block = (byte*)_heap.Alloc(size);
        *block = 1;
        return (nint)block;
    }
}
