using System;
using Hakmem.Reclaim;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// When a process's timer starts: not for a little memory, and then for everybody's.
public sealed unsafe class DecayStartTests : IDisposable
{
    private const long MiB = 1 << 20;
    private const long StartBytes = 8 << 20;

    // What a refused timer is not tried again for.
    private const long Pause = 1_000;

    // Longer than any empty SuperSlab is kept.
    private const long Ages = 3L * 24 * 3_600_000;

    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly TestArena _test = new();
    private readonly DecayTimer _timer;

    public DecayStartTests() => _timer = new DecayTimer(_time, () => false, observesCollections: false, StartBytes);

    public void Dispose() => _test.Dispose();

    [Fact]
    public void ALittleMemoryStartsNoTimer()
    {
        using HakmemAllocator heap = NewHeap();
        UseAndFree(heap, MiB);
        Assert.False(_timer.IsStarted);
        Assert.False(_timer.IsArmed);
        Assert.NotEqual(0, heap.GetStatistics().DirtyBytes);
    }

    [Fact]
    public void AHeapThatGrowsStartsItForAllThatWereThereBefore()
    {
        using HakmemAllocator small = NewHeap();
        UseAndFree(small, MiB);
        using HakmemAllocator large = NewHeap();
        UseAndFree(large, StartBytes + MiB);
        Assert.True(_timer.IsStarted);
        AssertDecay(small, large);

        // And from then on for small ones, too.
        UseAndFree(small, MiB);
        Assert.True(_timer.IsArmed);
        using HakmemAllocator late = NewHeap();
        UseAndFree(late, MiB);
        AssertDecay(small, late);
    }

    [Fact]
    public void ATimerThatIsRefusedIsNoAllocationsErrorAndIsTriedAgain()
    {
        using HakmemAllocator small = NewHeap();
        UseAndFree(small, MiB);
        using HakmemAllocator large = NewHeap();
        _time.IsRefusing = true;
        UseAndFree(large, StartBytes + MiB);
        Assert.False(_timer.IsArmed);

        // A heap of the listed ones, touched again, is enough, a pause later.
        _time.IsRefusing = false;
        _time.Advance(Pause);
        UseAndFree(large, MiB);
        Assert.True(_timer.IsArmed);
        AssertDecay(small, large);
    }

    [Fact]
    public void ATimerThatIsRefusedLaterIsTriedAgain()
    {
        using HakmemAllocator heap = NewHeap();
        UseAndFree(heap, StartBytes + MiB);
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
        _time.IsRefusing = true;
        UseAndFree(heap, MiB);
        Assert.False(_timer.IsArmed);
        _time.IsRefusing = false;
        _time.Advance(Pause);
        UseAndFree(heap, MiB);
        AssertDecay(heap);
    }

    [Fact]
    public void UnregisteredHeapIsNotRun()
    {
        HakmemAllocator gone = NewHeap();
        UseAndFree(gone, MiB);
        gone.Dispose();
        using HakmemAllocator large = NewHeap();
        UseAndFree(large, StartBytes + MiB);
        AssertDecay(large);
    }

    // Within twice the delay.
    private void AssertDecay(params HakmemAllocator[] heaps)
    {
        _time.Advance(2 * (long)s_delay.TotalMilliseconds);
        Assert.All(heaps, heap => Assert.Equal(0, heap.GetStatistics().DirtyBytes));
    }

    private HakmemAllocator NewHeap() => new(
        new HakmemOptions { PurgeDelay = s_delay, SuperSlabCacheTtl = TimeSpan.FromDays(1) }, _test.Arena, _timer);

    // On a thread that ends, so that nothing of it stays in a cache.
    private static void UseAndFree(HakmemAllocator heap, long bytes) => Workers.Run(1, _ =>
    {
        const nuint Piece = 64 * 1024;
        void*[] blocks = new void*[bytes / (long)Piece];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = heap.Alloc(Piece);
            *(byte*)blocks[i] = 1;
        }

        foreach (void* block in blocks)
        {
            heap.Free(block);
        }
    });
}
