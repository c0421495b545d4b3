using System;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// A profiler that starts and ends while threads use the heap: bins and page-map entries change their form under them.
[Category(TestCategory.Stress)]
public sealed class ProfilerSwitchTests
{
    private const int Workers = 3;
    private const int Switches = 50;

    public static TheoryData<HardeningLevel, int> Heaps { get; } = new()
    {
        { HardeningLevel.Standard, 0 },
        { HardeningLevel.Checked, 0 },
        { HardeningLevel.Full, 0 },
        { HardeningLevel.Standard, 50 },
    };

    [Theory]
    [MemberData(nameof(Heaps))]
    public void BlocksStayIntactWhileProfilersComeAndGo(HardeningLevel hardening, int guardedInterval)
    {
        HakmemOptions options = new() { Hardening = hardening, GuardedSampleInterval = guardedInterval };
        using HakmemAllocator heap = new(options);
        using HakmemAllocator other = new();
        Block[] exchanged = new Block[64];
        bool isOver = false;
        Seeded.Run(seed => Support.Workers.Run(Workers + 1, index =>
        {
            if (index == Workers)
            {
                try
                {
                    Switch(heap, new Random(seed));
                }
                finally
                {
                    Volatile.Write(ref isOver, true);
                }

                return;
            }

            Random random = new(seed + index);
            Block[] own = new Block[300];
            Block[] besides = new Block[30];
            while (!Volatile.Read(ref isOver))
            {
                Replace(heap, ref own[random.Next(own.Length)], random);
                Replace(other, ref besides[random.Next(besides.Length)], random);
                Pass(heap, exchanged, random);
            }

            Array.ForEach(own, block => Free(heap, block));
            Array.ForEach(besides, block => Free(other, block));
        }));

        Array.ForEach(exchanged, block => Free(heap, block));
        heap.Trim();
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.Equal(0, other.GetStatistics().LiveBlocks);
        Assert.Empty(heap.Verify().Problems);
        Assert.Empty(other.Verify().Problems);
    }

    private static void Switch(HakmemAllocator heap, Random random)
    {
        for (int i = 0; i < Switches; i++)
        {
            using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1 << random.Next(10, 20));
            Thread.Sleep(random.Next(3));
            profiler.MeanSampleBytes = 1 << random.Next(10, 20);
            HeapProfile profile = profiler.Capture();
            Assert.True(profile.InUseBytes >= 0 && profile.InUseBytes <= profile.AllocatedBytes);
            heap.Trim();
        }
    }

    private static void Replace(HakmemAllocator heap, ref Block slot, Random random)
    {
        if (slot.Address == 0)
        {
            slot = Block.Allocate(heap, (nuint)random.Next(1, 3_000), (uint)random.Next());
        }
        else if (random.Next(6) == 0)
        {
            slot = slot.Resize(heap, (nuint)random.Next(1, 90_000), (uint)random.Next());
        }
        else
        {
            slot.VerifyAndFree(heap);
            slot = default;
        }
    }

    // Frees what another thread has allocated, and leaves a block for another.
    private static void Pass(HakmemAllocator heap, Block[] exchanged, Random random)
    {
        Block mine = Block.Allocate(heap, (nuint)random.Next(1, 1_000), (uint)random.Next());
        Block theirs;
        lock (exchanged)
        {
            int place = random.Next(exchanged.Length);
            theirs = exchanged[place];
            exchanged[place] = mine;
        }

        Free(heap, theirs);
    }

    private static void Free(HakmemAllocator heap, Block block)
    {
        if (block.Address != 0)
        {
            block.VerifyAndFree(heap);
        }
    }
}
