using System;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// A block freed twice in a row by one thread, with something between that takes it out of the thread's cache.
[Category(TestCategory.Stress)]
public sealed unsafe class DoubleFreeAfterReapTests : IDisposable
{
    private static readonly nuint[] s_sizes = [16, 64, 256, 257, 1_024, 4_096, 65_536, BlockSizes.Mid, BlockSizes.MiB];

    private readonly TestArena _test = new(1L << 30);

    public void Dispose() => _test.Dispose();

    // The thread that frees waits meanwhile, so that the reaper may take all it has.
    [Fact]
    public void TrimOfAnotherThreadHidesNoDoubleFree() =>
        AssertToldAfter(new HakmemOptions(), heap => Workers.RunOne(heap.Trim));

    // It runs meanwhile, so that the reaper has to leave one block of each magazine.
    [Fact]
    public void TrimBesideARunningThreadHidesNoDoubleFree() =>
        AssertToldAfter(new HakmemOptions(), heap => RunBeside(heap.Trim));

    [Fact]
    public void FailedAllocationOfAnotherThreadHidesNoDoubleFree() =>
        AssertToldAfter(
            new HakmemOptions { MaxBytes = 32L << 20 },
            heap => Workers.RunOne(() =>
            {
                // It succeeds where nothing is live, once everything has been given back.
                _ = heap.TryAlloc(32 << 20, out void* block);
                heap.Free(block);
            }));

    [Fact]
    public void OwnTrimHidesNoDoubleFree() => AssertToldAfter(new HakmemOptions(), heap => heap.Trim());

    [Fact]
    public void DecayHidesNoDoubleFree()
    {
        ManualTime time = new();
        AssertToldAfter(new HakmemOptions(), _ => time.Advance(60_000),
            new DecayTimer(time, () => false, observesCollections: false));
    }

    // The thread's budget is used up by other classes, so that the clock takes what this one has.
    [Fact]
    public void OtherSizesThatUseUpTheBudgetHideNoDoubleFree()
    {
        foreach (nuint size in s_sizes)
        {
            using HakmemAllocator heap = new(new HakmemOptions { ThreadCacheBytes = 1 << 20 }, _test.Arena);
            void* kept = heap.Alloc(size);
            void* twice = heap.Alloc(size);
            heap.Free(twice);
            for (int round = 0; round < 8; round++)
            {
                foreach (nuint other in BlockSizes.Classes)
                {
                    if (BlockSizes.ClassOf(size) != other)
                    {
                        void* block = heap.Alloc(other);
                        heap.Free(block);
                    }
                }
            }

            Corruption.AssertReported(twice, () => heap.Free(twice));
            heap.Free(kept);
            HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
        }
    }

    // A thread that frees each block twice, beside one that does nothing but trim: at whatever instruction it is met.
    [Fact]
    public void TrimAtAnyMomentHidesNoDoubleFree()
    {
        const int Rounds = 20_000;
        using HakmemAllocator heap = new(new HakmemOptions(), _test.Arena);
        int accepted = 0;
        bool isDone = false;
        Workers.Run(2, index =>
        {
            if (index == 0)
            {
                while (!Volatile.Read(ref isDone))
                {
                    heap.Trim();
                }

                return;
            }

            for (int round = 0; round < Rounds; round++)
            {
                void* block = heap.Alloc(s_sizes[round % 6]);
                heap.Free(block);
                Thread.SpinWait(round % 200);
                try
                {
                    heap.Free(block);
                    accepted++;
                }
                catch (HakmemCorruptionException)
                {
                    // As promised.
                }
            }

            Volatile.Write(ref isDone, true);
        });
        Assert.Equal(0, accepted);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    private void AssertToldAfter(HakmemOptions options, Action<HakmemAllocator> between, DecayTimer? timer = null)
    {
        foreach (nuint size in s_sizes)
        {
            // With other free blocks below it and without, with a live one in its span and without.
            for (int others = 0; others < 6; others++)
            {
                using HakmemAllocator heap = new(options, _test.Arena, timer);
                void* kept = others % 2 == 0 ? heap.Alloc(size) : null;
                void*[] below = new void*[others];
                for (int i = 0; i < others; i++)
                {
                    below[i] = heap.Alloc(size);
                }

                void* twice = heap.Alloc(size);
                foreach (void* block in below)
                {
                    heap.Free(block);
                }

                heap.Free(twice);
                between(heap);
                Corruption.AssertReported(twice, () => heap.Free(twice));
                between(heap);
                Corruption.AssertReported(twice, () => heap.Free(twice));
                heap.Free(kept);
                HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
            }
        }
    }

    private static void RunBeside(Action body)
    {
        bool isDone = false;
        Thread thread = new(() =>
        {
            body();
            Volatile.Write(ref isDone, true);
        });
        thread.Start();
        while (!Volatile.Read(ref isDone))
        {
            Thread.SpinWait(100);
        }

        thread.Join();
    }
}
