using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem;

/// <summary>A sampling heap profiler: finds the call stacks whose blocks take a heap's memory. It can be started and
/// stopped while the heap is in use, and may run for the life of the process.</summary>
/// <remarks>
/// <para>Thread-safe.</para>
/// <para>
/// An allocation of s bytes is sampled with the probability 1 - exp(-s / <see cref="MeanSampleBytes"/>) and then
/// stands for as many as it is improbable, so that all figures are unbiased estimates. Bytes are those requested. A
/// block that <c>Realloc</c> moves, or resizes in place above 1 MiB, counts as one that was freed and one that was
/// allocated. Blocks that were allocated before the start are not counted, nor are the few free blocks that a thread
/// has at hand when the profiler starts.
/// </para>
/// <para>
/// A sampled block of up to 1 MiB takes at least 64 KiB of committed memory, of which a page is resident for a small
/// one, until it is freed: with the default mean, an eighth of the live bytes.
/// </para>
/// <para>
/// A profiler that is dropped undisposed goes on sampling, and its heap can have no other.
/// </para>
/// </remarks>
[DebuggerDisplay("a sample in {MeanSampleBytes} bytes")]
public sealed unsafe class HakmemProfiler : IDisposable
{
    /// <summary>The default for the mean number of bytes between two samples: 512 KiB.</summary>
    public const long DefaultMeanSampleBytes = 512 << 10;

    private readonly HakmemAllocator _allocator;
    private readonly Heap _heap;
    private readonly HeapSampler _sampler;
    private readonly Stopwatch _running = Stopwatch.StartNew();

    // Whether Dispose was called. Interlocked.
    private int _isDisposed;

    private HakmemProfiler(HakmemAllocator allocator, Heap heap, HeapSampler sampler)
    {
        _allocator = allocator;
        _heap = heap;
        _sampler = sampler;
    }

    /// <summary>The mean number of bytes between two samples: 1 to 2^40. Fewer make the estimates more exact and the
    /// program slower. A change holds for samples that are drawn after it; each thread draws the next one of a size in
    /// advance.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of its range.</exception>
    public long MeanSampleBytes
    {
        get => _sampler.MeanBytes;
        set
        {
            RequireMean(value, nameof(value));
            _sampler.MeanBytes = value;
        }
    }

    /// <summary>How many samples a second, of all threads together, may be taken before fewer are drawn: 1 to 2^63 - 1.
    /// In a program that allocates so much that more would come, the mean number of bytes between two samples is raised
    /// until they keep within it on average, to at most 2^20 times and 2^40 bytes, and is lowered again when less is
    /// allocated. The estimates stay unbiased. At first 4096, which takes about a hundredth of one thread's time or
    /// less; started with a mean below the default, as many more as the mean is less.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public long MaxSamplesPerSecond
    {
        get => _sampler.MaxPerSecond;
        set
        {
            Argument.RequireAtLeast(value, 1);
            _sampler.MaxPerSecond = value;
        }
    }

    /// <summary>The mean number of bytes between two samples that are drawn now: <see cref="MeanSampleBytes"/>, or more
    /// because of <see cref="MaxSamplesPerSecond"/>.</summary>
    public long CurrentMeanSampleBytes => _sampler.DrawnMeanBytes;

    /// <summary>Starts to sample a heap's allocations, those of its tags included, until <see cref="Dispose"/>. A heap
    /// has one profiler at a time.</summary>
    /// <param name="allocator">The heap. The profiler keeps the object alive; dispose the profiler first.</param>
    /// <param name="meanSampleBytes">The mean number of bytes between two samples: 1 to 2^40.</param>
    /// <returns>The profiler.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="meanSampleBytes"/> is out of its
    /// range.</exception>
    /// <exception cref="InvalidOperationException">The heap has a profiler.</exception>
    /// <exception cref="NotSupportedException">The process has no arena, so that <c>NativeMemory</c> serves the
    /// heap.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for the profiler's tables.</exception>
    public static HakmemProfiler Start(HakmemAllocator allocator, long meanSampleBytes = DefaultMeanSampleBytes)
    {
        Argument.RequireNotNull(allocator);
        RequireMean(meanSampleBytes, nameof(meanSampleBytes));
        Heap heap = allocator.RequireHeap("be profiled");
        AllocationEstimates estimates = allocator.Estimates;
        HakmemProfiler profiler = Make(allocator, heap, meanSampleBytes);
        try
        {
            if (!heap.TryStartProfiling(profiler._sampler))
            {
                throw new InvalidOperationException(
                    "The heap has a profiler already. Dispose that one before you start another.");
            }

            estimates.Begin(profiler._sampler);
            allocator.ProfileTagged();
            allocator.UpdateCacheForm();
        }
        catch
        {
            // Of whatever has begun.
            profiler.Dispose();
            throw;
        }

        return profiler;
    }

    // For tests.
    internal HeapSampler Sampler => _sampler;

    /// <summary>Returns what has been sampled until now. It may be called at any time and changes nothing.</summary>
    /// <returns>The profile.</returns>
    /// <exception cref="ObjectDisposedException">The profiler has been disposed.</exception>
    public HeapProfile Capture() => Take(isPeak: false);

    /// <summary>Returns the profile of the moment at which the most bytes were in use since the start, by estimate. Its
    /// figures of allocations are those of now.</summary>
    /// <returns>The profile.</returns>
    /// <exception cref="ObjectDisposedException">The profiler has been disposed.</exception>
    public HeapProfile CapturePeak() => Take(isPeak: true);

    /// <summary>Stops sampling and releases the profiler's tables. Captured profiles stay valid, and so do all blocks.
    /// A second call does nothing. Each thread's cache works as without a profiler from its next slow path
    /// on.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            try
            {
                _heap.StopProfiling(_sampler);
                _allocator.StopProfilingTagged(_sampler);
            }
            catch (OutOfMemoryException)
            {
                // What has stopped may be stopped again.
                Volatile.Write(ref _isDisposed, 0);
                throw;
            }

            // Made by Start, so that nothing is allocated before the tables are released.
            _allocator.Estimates.End(_sampler);
            _sampler.Close();
            if (_allocator.LiveHeap is not null)
            {
                _allocator.UpdateCacheForm();
            }
        }
    }

    // Its tables are the system's memory: nobody else would release them.
    private static HakmemProfiler Make(HakmemAllocator allocator, Heap heap, long meanSampleBytes)
    {
        HeapSampler sampler = new(heap.Os, meanSampleBytes);
        try
        {
            ManagedMemory.Need();
            return new HakmemProfiler(allocator, heap, sampler);
        }
        catch
        {
            sampler.Close();
            throw;
        }
    }

    private HeapProfile Take(bool isPeak)
    {
        Argument.RequireAlive(Volatile.Read(ref _isDisposed) == 0, typeof(HakmemProfiler));
        StackFigure[] figures = _sampler.Copy(isPeak);
        HeapProfileOrigin origin = new(DateTime.UtcNow, _running.Elapsed, MeanSampleBytes, _sampler.LostSamples);
        List<HeapProfileSample> samples = [];
        for (int stack = 0; stack < figures.Length; stack++)
        {
            StackFigure figure = figures[stack];
            if (figure.Samples > 0)
            {
                samples.Add(new HeapProfileSample(HeapSampler.Stacks.StringOf(stack) ?? string.Empty)
                {
                    AllocatedObjects = (long)Math.Round(figure.AllocatedObjects),
                    AllocatedBytes = (long)Math.Round(figure.AllocatedBytes),
                    InUseObjects = (long)Math.Round(figure.LiveObjects),
                    InUseBytes = (long)Math.Round(figure.LiveBytes),
                    SampleCount = figure.Samples,
                    StackNumber = stack,
                });
            }
        }

        return new HeapProfile(HeapProfile.Sort(samples), origin);
    }

    private static void RequireMean(long meanSampleBytes, string name)
    {
        if (meanSampleBytes is < HeapSampler.MinMeanBytes or > HeapSampler.MaxMeanBytes)
        {
            throw new ArgumentOutOfRangeException(
                name, meanSampleBytes,
                $"The mean number of bytes between two samples must be from {HeapSampler.MinMeanBytes} to " +
                $"{HeapSampler.MaxMeanBytes}.");
        }
    }
}
