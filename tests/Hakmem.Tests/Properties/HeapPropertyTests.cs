using System;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Properties;

// Generated sequences against a model. A failure prints the shrunk sequence and its seed; CsCheck_Seed brings it back.
public sealed class HeapPropertyTests
{
    [Fact]
    public void AnySequenceKeepsBlocksApartAndTheFiguresExact()
    {
        Generators.Step(heaps: 1).Array[1, 400].Sample(
            steps =>
            {
                using HakmemAllocator heap = new();
                HeapModel model = new(heap);
                foreach (HeapStep step in steps)
                {
                    model.Take(step);
                    model.Ledger.AssertStatisticsMatch();
                    HeapSoundness.AssertInDebug(heap);
                }

                FinishEmpty(model);
            },
            iter: 250,
            print: Print);
    }

    public static TheoryData<HakmemOptions> HardenedHeaps { get; } =
    [
        new HakmemOptions { Hardening = HardeningLevel.Full },
        new HakmemOptions { Hardening = HardeningLevel.Full, QuarantineBytes = 0 },
        new HakmemOptions { Hardening = HardeningLevel.Full, CaptureStacks = true, QuarantineBytes = 100_000 },
        new HakmemOptions { Hardening = HardeningLevel.Checked },
        new HakmemOptions { Hardening = HardeningLevel.Checked, ThreadCacheBytes = 0 },
        new HakmemOptions { Hardening = HardeningLevel.Checked, GuardedSampleInterval = 3 },
        new HakmemOptions { GuardedSampleInterval = 1 },
        new HakmemOptions { GuardedSampleInterval = 3, QuarantineBytes = 200_000 },
        new HakmemOptions { GuardedSampleInterval = 5, ThreadCacheBytes = 0 },
    ];

    [Theory]
    [MemberData(nameof(HardenedHeaps), DisableDiscoveryEnumeration = true)]
    public void AnySequenceHoldsWithHardening(HakmemOptions options)
    {
        Generators.Step(heaps: 1).Array[1, 300].Sample(
            steps =>
            {
                using HakmemAllocator heap = new(options);
                HeapModel model = new(heap);
                foreach (HeapStep step in steps)
                {
                    model.Take(step);
                    model.Ledger.AssertStatisticsMatch();
                    HeapSoundness.AssertInDebug(heap);
                }

                FinishEmpty(model);
            },
            iter: 30,
            print: Print);
    }

    [Fact]
    public void ASequenceUnderALimitNeverExceedsIt()
    {
        // Small enough that most sequences run into it: then the step fails cleanly and the model stands as it was.
        const long Limit = 8L << 20;
        Generators.Step(heaps: 1).Array[50, 300].Sample(
            steps =>
            {
                using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = Limit });
                BlockLedger ledger = new(heap);
                foreach (HeapStep step in steps)
                {
                    TakeWithinLimit(heap, ledger, step);
                    ledger.AssertStatisticsMatch();
                    HeapSoundness.AssertInDebug(heap);
                    Assert.True(heap.GetStatistics().CommittedBytes <= Limit);
                }

                Assert.True(heap.GetStatistics().PeakCommittedBytes <= Limit);
                ledger.FreeAll();
                heap.Trim();
                ledger.AssertStatisticsMatch();
                ledger.Allocate((nuint)Limit / 2);
            },
            iter: 150,
            print: Print);
    }

    // As the model's steps, but allocations are doubled in number and frees rare, and any of them may run out of memory.
    private static unsafe void TakeWithinLimit(HakmemAllocator heap, BlockLedger ledger, HeapStep step)
    {
        nuint bytes = (nuint)step.Bytes;
        switch (step.Action)
        {
            case HeapAction.Free when ledger.Count > 0 && step.Slot % 4 == 0:
                ledger.Free(step.Slot % ledger.Count);
                break;
            case HeapAction.Realloc when ledger.Count > 0:
                ResizeIfPossible(heap, ledger, step.Slot % ledger.Count, bytes);
                break;
            case HeapAction.Trim:
                heap.Trim();
                break;
            default:
                if (heap.TryAlloc(bytes, out void* pointer))
                {
                    ledger.Add(pointer, bytes);
                }
                else
                {
                    Assert.True(pointer is null);
                    Assert.Throws<OutOfMemoryException>(() => heap.Alloc(bytes));
                }

                break;
        }
    }

    private static unsafe void ResizeIfPossible(HakmemAllocator heap, BlockLedger ledger, int index, nuint bytes)
    {
        Block old = ledger.Remove(index);
        try
        {
            void* moved = heap.Realloc(old.Pointer, bytes);
            Pattern.Verify(moved, nuint.Min(old.Bytes, bytes), old.Seed);
            ledger.Add(moved, bytes);
        }
        catch (OutOfMemoryException)
        {
            // The old block is still there, with what it held.
            old.Verify();
            ledger.Add(old.Pointer, old.Bytes);
        }
    }

    private static void FinishEmpty(HeapModel model)
    {
        model.Ledger.VerifyAll();
        model.Ledger.FreeAll();
        model.Ledger.AssertStatisticsMatch();
        model.Heap.Trim();
        HakmemStatistics statistics = model.Heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
    }

    private static string Print(HeapStep[] steps) => string.Join("\n", (object[])steps);
}
