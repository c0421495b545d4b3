using System;
using System.Linq;
using System.Runtime.CompilerServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// A profiler samples a heap's tagged blocks as well, whichever came first.
public sealed unsafe class TaggedProfileTests : IDisposable
{
    // Every allocation of a KiB is sampled with near certainty.
    private const long Mean = 16;
    private const int Blocks = 200;
    private const int Bytes = 1_000;

    private readonly HakmemAllocator _heap = new();
    private readonly MemoryTag _tag = new("profiled");

    public void Dispose()
    {
        _heap.Dispose();
        _tag.Dispose();
    }

    [Fact]
    public void BlocksOfATagThatWasThereAreSampled()
    {
        IHakmemAllocator tagged = _heap.ForTag(_tag);
        using HakmemProfiler profiler = HakmemProfiler.Start(_heap, Mean);
        AssertSampled(profiler, tagged);
    }

    [Fact]
    public void BlocksOfATagThatCameLaterAreSampled()
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(_heap, Mean);
        AssertSampled(profiler, _heap.ForTag(_tag));
    }

    [Fact]
    public void AProfilersEndEndsThatOfTheTagsToo()
    {
        IHakmemAllocator tagged = _heap.ForTag(_tag);
        for (int i = 0; i < 3; i++)
        {
            // A second profiler could not start if the first one had left one of the two heaps behind.
            using HakmemProfiler profiler = HakmemProfiler.Start(_heap, Mean);
            AssertSampled(profiler, tagged);
        }

        void* block = tagged.Alloc(Bytes);
        _heap.Free(block);
        Assert.True(_heap.Verify().IsSound);
    }

    [Fact]
    public void ProfilersThatStartAndStopBesideTheFirstTagDoNoHarm()
    {
        for (int round = 0; round < 30; round++)
        {
            using HakmemAllocator heap = new();
            using MemoryTag tag = new("race");
            Workers.Run(2, worker =>
            {
                for (int i = 0; i < 5; i++)
                {
                    if (worker == 0)
                    {
                        HakmemProfiler.Start(heap, Mean).Dispose();
                    }
                    else
                    {
                        IHakmemAllocator tagged = heap.ForTag(tag);
                        tagged.Free(tagged.Alloc(Bytes));
                    }
                }
            });
            using HakmemProfiler profiler = HakmemProfiler.Start(heap, Mean);
            AssertSampled(profiler, heap.ForTag(tag));
            Assert.Equal(0, tag.LiveBytes);
        }
    }

    private static void AssertSampled(HakmemProfiler profiler, IHakmemAllocator tagged)
    {
        nint[] blocks = Allocate(tagged);
        HeapProfile full = profiler.Capture();
        Assert.InRange(InUse(full), Blocks * Bytes * 9 / 10, Blocks * Bytes * 11 / 10);
        Array.ForEach(blocks, block => tagged.Free((void*)block));
        Assert.Equal(0, InUse(profiler.Capture()));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint[] Allocate(IHakmemAllocator tagged)
    {
        nint[] blocks = new nint[Blocks];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = (nint)tagged.Alloc(Bytes);
        }

        return blocks;
    }

    private static long InUse(HeapProfile profile) => profile.Samples
        .Where(sample => sample.Frames.Any(frame => frame.EndsWith($".{nameof(Allocate)}", StringComparison.Ordinal)))
        .Sum(sample => sample.InUseBytes);
}
