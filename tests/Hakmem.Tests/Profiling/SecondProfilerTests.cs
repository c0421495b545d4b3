using System;
using System.Linq;
using System.Threading;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Children;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// What one profiler leaves behind on threads that did nothing while it ended.
[Category(TestCategory.Child)]
public sealed unsafe class SecondProfilerTests : IDisposable
{
    private const int Blocks = 20_000;

    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AThreadCountsForTheProfilerOfNow()
    {
        using SemaphoreSlim go = new(0);
        using SemaphoreSlim back = new(0);
        HakmemProfiler? profiler = null;
        Thread thread = new(() =>
        {
            Use(100);
            back.Release();
            go.Wait();
            Use(Blocks);
            back.Release();
        });
        profiler = HakmemProfiler.Start(_heap, 1L << 40);
        thread.Start();
        back.Wait(TestContext.Current.CancellationToken);

        // The thread's countdowns are of the first profiler, and it takes no slow path before the second one.
        profiler.Dispose();
        profiler = Profilers.StartUnbounded(_heap, 1_000);
        go.Release();
        back.Wait(TestContext.Current.CancellationToken);
        long estimate = profiler.Capture().AllocatedObjects;
        profiler.Dispose();
        thread.Join();
        Assert.InRange(estimate, Blocks * 8 / 10, Blocks * 12 / 10);
    }

    // The countdown of the class says that a sample is due, by a profiler that another thread has just ended. Guarded
    // sampling goes on.
    [Theory]
    [InlineData(0)]
    [InlineData(1_000_000)]
    public void AProfilerMayEndInTheMiddleOfAnAllocation(int guardedInterval)
    {
        using HakmemAllocator sampled = new(new HakmemOptions { GuardedSampleInterval = guardedInterval });
        HakmemProfiler profiler = HakmemProfiler.Start(sampled, 1);
        sampled.Free(sampled.Alloc(200));
        Hakmem.Heaps.Heap heap = sampled.RequireHeap("be profiled");
        heap.OnFormUpdated = () =>
        {
            heap.OnFormUpdated = null;
            Workers.Run(1, _ => profiler.Dispose());
        };
        void* block = sampled.Alloc(200);
        Assert.Null(heap.OnFormUpdated);
        Assert.Equal((nuint)208, sampled.UsableSize(block));
        sampled.Free(block);
        Assert.Equal(0, sampled.GetStatistics().LiveBlocks);
        Assert.True(sampled.Verify().IsSound);
    }

    [Fact]
    public void AThreadThatSleptThroughAProfilerCountsNoMore()
    {
        using SemaphoreSlim go = new(0);
        using SemaphoreSlim back = new(0);
        bool isCounting = true;
        Thread thread = new(() =>
        {
            Use(100);
            back.Release();
            go.Wait();
            Use(1_000);
            isCounting = CurrentThread.PeerOf(CurrentThread.Shared, _heap.Slot)->CountsAllocations;
        });
        thread.Start();
        back.Wait(TestContext.Current.CancellationToken);
        HakmemProfiler.Start(_heap).Dispose();
        go.Release();
        thread.Join();
        Assert.False(isCounting);
    }

    [Fact]
    public void ALeakOfATagThatWasUsedBeforeIsFound()
    {
        using MemoryTag tag = new("used before");
        IHakmemAllocator tagged = _heap.ForTag(tag);
        tagged.Free(tagged.Alloc(64));
        LeakScope scope = LeakScope.Begin(_heap);
        void* block = tagged.Alloc(64);
        Assert.Throws<HakmemLeakException>(scope.Check);
        tagged.Free(block);
        scope.Dispose();
    }

    [Fact]
    public void AScopeCountsEachBlockAfterAnotherThreadEndedAProfiler()
    {
        HakmemProfiler profiler = HakmemProfiler.Start(_heap);
        _heap.Free(_heap.Alloc(64));
        Workers.RunOne(profiler.Dispose);
        LeakScope scope = LeakScope.Begin(_heap);
        nint[] blocks = [.. Enumerable.Range(0, 1_000).Select(_ => (nint)_heap.Alloc(64))];
        HakmemLeakException leak = Assert.Throws<HakmemLeakException>(scope.Check);
        Assert.Contains("1000 blocks of 64000 bytes", leak.Message, StringComparison.Ordinal);
        Array.ForEach(blocks, block => _heap.Free((void*)block));
        scope.Dispose();
    }

    // A writer's growth runs under its own lock, where no stack is resolved.
    [Fact]
    public void GrowthOfAWriterIsNamedByItsStack()
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(_heap, 16);
        using NativeBufferWriter<byte> writer = new(_heap);
        for (int i = 0; i < 12; i++)
        {
            Grow(writer);
        }

        HeapProfileSample largest = profiler.Capture().Samples.MaxBy(sample => sample.InUseBytes)!;
        Assert.Contains(largest.Frames, frame => frame.EndsWith($".{nameof(Grow)}", StringComparison.Ordinal));
    }

    // On Linux: elsewhere the system keeps more of a stack to itself, so that nothing is left for an allocation.
    [Fact]
    [Needs(SystemNeed.Linux)]
    public void ASampleDeepInARecursionDoesNotEndTheProcess()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.SampleDeepInRecursion);
        child.AssertSucceeded();
        Assert.True(child.Figure("samples") > 0);
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void ABlockAllocatedDeepInARecursionDoesNotEndTheProcess()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.SampleDeepInRecursion, ["histories"]);
        child.AssertSucceeded();
        Assert.Equal(0, child.Figure("live"));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Grow(NativeBufferWriter<byte> writer)
    {
        int bytes = writer.FreeCapacity + 1_000;
        writer.GetSpan(bytes);
        writer.Advance(bytes);
    }

    private void Use(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _heap.Free(_heap.Alloc(64));
        }
    }
}
