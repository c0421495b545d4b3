using System;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// One block freed by several threads at the same moment, where every double free is promised to be told at the call.
[Category(TestCategory.Stress)]
public sealed unsafe class RacingFreesTests
{
    private const int Threads = 3;

    public static MatrixTheoryData<HardeningLevel, long> Cases { get; } =
        new([HardeningLevel.Checked, HardeningLevel.Full], [16, 64, 1_024, 1_025, 100_000, 1 << 20, (1 << 20) + 1]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void OneSucceedsAndTheOthersAreRefused(HardeningLevel level, long size)
    {
        int rounds = size > 1_024 && level == HardeningLevel.Full ? 200 : 3_000;
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = level, QuarantineBytes = 1 << 20 });
        using Barrier barrier = new(Threads);
        void* block = null;
        int accepted = 0;
        Workers.Run(Threads, index =>
        {
            for (int round = 0; round < rounds; round++)
            {
                if (index == 0)
                {
                    block = heap.Alloc((nuint)size);
                }

                barrier.SignalAndWait();
                try
                {
                    heap.Free(block);
                    Interlocked.Increment(ref accepted);
                }
                catch (HakmemCorruptionException)
                {
                    // As promised, to all but one.
                }

                barrier.SignalAndWait();
            }
        });
        Assert.Equal(rounds, accepted);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }
}
