using System;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// Estimates against what was really allocated, within five standard errors: one run in a million fails by chance.
public sealed unsafe class ProfilerEstimateTests
{
    private const double Errors = 5;

    // The sizes, and how many allocations give some thousand samples of each.
    public static TheoryData<int, int, long> Sizes => new()
    {
        { 16, 1_000_000, 4 << 10 },
        { 40, 1_000_000, 8 << 10 },
        { 100, 1_000_000, 16 << 10 },
        { 256, 500_000, 32 << 10 },
        { 300, 500_000, 32 << 10 },
        { 1_000, 300_000, 64 << 10 },
        { 5_000, 100_000, 128 << 10 },
        { 40_000, 30_000, 256 << 10 },
        { 300_000, 10_000, 1 << 20 },
        { 1 << 20, 5_000, 2 << 20 },
        { 3 << 20, 3_000, 4 << 20 },
        { 100 << 20, 1_000, 200 << 20 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void ABlockAllocatedAndFreedInTurnIsCountedUnbiased(int bytes, int count, long mean)
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, mean);
        for (int i = 0; i < count; i++)
        {
            heap.Free(heap.Alloc((nuint)bytes));
        }

        HeapProfile profile = profiler.Capture();
        RequireEstimate(profile.AllocatedObjects, profile.AllocatedBytes, bytes, count, mean);
        Assert.Equal(0, profile.InUseObjects);
        Assert.Equal(0, profile.InUseBytes);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void LiveBlocksAreCountedUnbiasedAndGoneWhenFreed(int bytes, int count, long mean)
    {
        count = (int)Math.Min(count / 4, (256L << 20) / bytes);
        if (count < 50)
        {
            // Too many for the machine's memory to be sure of.
            return;
        }

        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, mean);
        nint[] blocks = new nint[count];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = (nint)(i % 3 == 0 ? heap.AllocZeroed((nuint)bytes) : heap.Alloc((nuint)bytes));
        }

        HeapProfile full = profiler.Capture();
        RequireEstimate(full.InUseObjects, full.InUseBytes, bytes, count, mean);
        Assert.Equal(full.AllocatedBytes, full.InUseBytes);
        foreach (nint block in blocks)
        {
            heap.Free((void*)block, (nuint)bytes);
        }

        HeapProfile empty = profiler.Capture();
        Assert.Equal(0, empty.InUseBytes);
        Assert.Equal(0, empty.InUseObjects);
        Assert.Equal(full.AllocatedBytes, empty.AllocatedBytes);
        Assert.Equal(full.InUseBytes, profiler.CapturePeak().InUseBytes);
        Assert.True(heap.Verify().IsSound);
    }

    // Requires both estimates to lie within the errors of Binomial(count, p) samples.
    private static void RequireEstimate(long objects, long bytes, int size, int count, long mean)
    {
        double p = 1 - Math.Exp(-(double)heapBlock(size) / mean);
        double error = Errors * Math.Sqrt(count * (1 - p) / p);
        Assert.InRange(objects, (long)(count - error) - 1, (long)(count + error) + 1);
        Assert.InRange(bytes, (long)((count - error) * size) - 1, (long)((count + error) * size) + 1);

        static int heapBlock(int size) => size > 1 << 20 ? size : (int)HakmemAllocator.Shared.GoodSize((nuint)size);
    }
}
