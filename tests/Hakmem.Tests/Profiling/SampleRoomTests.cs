using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// What samples take of a heap: each has units of its own.
public sealed unsafe class SampleRoomTests
{
    private const int Blocks = 2_000;

    [Theory]
    [InlineData(100, 112)]
    [InlineData(70_000, 73_728)]
    public void LiveBytesAreThoseOfTheBlocks(int bytes, int blockBytes)
    {
        using HakmemAllocator heap = new();
        using MemoryTag tag = new("tag");
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        List<nint> blocks = [];
        for (int i = 0; i < 20; i++)
        {
            blocks.Add((nint)heap.Alloc((nuint)bytes));
            blocks.Add((nint)heap.ForTag(tag).Alloc((nuint)bytes));
        }

        Assert.Equal(20 * blockBytes, tag.LiveBytes);
        Assert.Equal((40, 40 * blockBytes), (heap.GetStatistics().LiveBlocks, heap.GetStatistics().LiveBytes));
        blocks.ForEach(block => heap.Free((void*)block));
        Assert.Equal((0, 0), (heap.GetStatistics().LiveBlocks, heap.GetStatistics().LiveBytes));
    }

    [Fact]
    public void SamplesLeaveALimitToTheProgram()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 << 20 });
        HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        for (int round = 0; round < 3; round++)
        {
            List<nint> blocks = [];
            for (int i = 0; i < Blocks; i++)
            {
                blocks.Add((nint)heap.Alloc(4_000));
            }

            HeapProfile profile = profiler.Capture();
            Assert.Equal(32, profile.InUseObjects);
            Assert.Equal((round + 1) * (Blocks - 32), profile.LostSamples);
            blocks.ForEach(block => heap.Free((void*)block));
            Assert.Equal(0, profiler.Capture().InUseObjects);
        }

        profiler.Dispose();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void SamplesOfTagsShareTheRoom()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 << 20 });
        using MemoryTag tag = new("tag");
        IHakmemAllocator tagged = heap.ForTag(tag);
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        List<nint> blocks = [];
        for (int i = 0; i < 100; i++)
        {
            blocks.Add((nint)heap.Alloc(100));
            blocks.Add((nint)tagged.Alloc(100));
        }

        Assert.Equal(32, profiler.Capture().InUseObjects);
        blocks.ForEach(block => heap.Free((void*)block));
    }

    [Fact]
    public void AScopeSaysThatItCouldNotFollowAll()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 << 20 });
        LeakScope scope = LeakScope.Begin(heap);
        List<nint> blocks = [];
        for (int i = 0; i < 100; i++)
        {
            blocks.Add((nint)heap.Alloc(100));
        }

        Assert.Throws<HakmemLeakException>(scope.Check);
        blocks.ForEach(block => heap.Free((void*)block));
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(scope.Dispose);
        Assert.Contains("68 blocks could not be followed", failure.Message, StringComparison.Ordinal);
    }
}
