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
        using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
        AssertSampled(profiler, tagged);
    }

    [Fact]
    public void BlocksOfATagThatCameLaterAreSampled()
    {
        using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
        AssertSampled(profiler, _heap.ForTag(_tag));
    }

    [Fact]
    public void AProfilersEndEndsThatOfTheTagsToo()
    {
        IHakmemAllocator tagged = _heap.ForTag(_tag);
        for (int i = 0; i < 3; i++)
        {
            // A second profiler could not start if the first one had left one of the two heaps behind.
            using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
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
            using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
            AssertSampled(profiler, heap.ForTag(tag));
            Assert.Equal(0, tag.LiveBytes);
        }
    }

    [Fact]
    public void SamplesNameTheTagOfTheirBlocks()
    {
        using MemoryTag child = new("of\nit", _tag);
        using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
        IHakmemAllocator[] allocators = [_heap, _heap.ForTag(_tag), _heap.ForTag(child)];
        nint[][] blocks = [.. allocators.Select(Allocate)];
        Assert.Equal(
            [(null, 1), ("profiled", 1), ("profiled/of it", 1)],
            profiler.Capture().Samples.Where(IsOfAllocate).OrderBy(sample => sample.Tag, StringComparer.Ordinal)
                .Select(sample => (sample.Tag, (int)Math.Round((double)sample.InUseBytes / (Blocks * Bytes)))));

        // Freed by whomever, and once more by the same line for another tag: the stacks are known, the tags told apart.
        foreach (nint[] each in blocks)
        {
            Array.ForEach(each, block => _heap.Free((void*)block));
        }

        Assert.All(profiler.Capture().Samples.Where(IsOfAllocate), sample => Assert.Equal(0, sample.InUseBytes));
    }

    [Fact]
    public void AResizedBlockKeepsItsTagInTheProfile()
    {
        IHakmemAllocator tagged = _heap.ForTag(_tag);
        using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
        void* block = tagged.Alloc(Bytes);
        foreach (int bytes in (ReadOnlySpan<int>)[50_000, 3 << 20, 5 << 20, 900])
        {
            block = tagged.Realloc(block, (nuint)bytes);
            HeapProfileSample sample = Assert.Single(profiler.Capture().Samples, each => each.InUseBytes > 0);
            Assert.Equal(("profiled", bytes), (sample.Tag, (int)sample.InUseBytes));
        }

        tagged.Free(block);
    }

    [Fact]
    public void ALongPathLosesItsBeginning()
    {
        using MemoryTag longer = new(new string('x', 600), _tag);
        using MemoryTag child = new("end", longer);
        using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
        IHakmemAllocator tagged = _heap.ForTag(child);
        nint[] blocks = Allocate(tagged);
        string tag = Assert.Single(profiler.Capture().Samples, IsOfAllocate).Tag!;
        Assert.Equal('…' + new string('x', 507) + "/end", tag);
        Array.ForEach(blocks, block => tagged.Free((void*)block));
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

    private static long InUse(HeapProfile profile) =>
        profile.Samples.Where(IsOfAllocate).Sum(sample => sample.InUseBytes);

    private static bool IsOfAllocate(HeapProfileSample sample) =>
        sample.Frames.Any(frame => frame.EndsWith($".{nameof(Allocate)}", StringComparison.Ordinal));
}
