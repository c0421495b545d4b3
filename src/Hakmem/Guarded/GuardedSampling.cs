using System;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Which allocations of a heap guarded sampling serves by guarded blocks, and those blocks: about one in an interval of
// allocations, or one in a mean number of bytes, or both; zero for none. Drawn in advance, as the samples of a profiler
// are (see HeapSampling). Thread-safe.
internal sealed unsafe class GuardedSampling(GuardedBlocks guards, GuardedKind kind, int interval, long meanBytes)
{
    // Larger blocks are not sampled.
    private const int MaxBlockBytes = 256 << 10;

    // No block is sampled while the ranges of live guarded blocks take this much address space.
    private const long MaxLiveRangeBytes = 32L << 20;

    // That of an interval: 1 - exp(-rate) is one in so many.
    private readonly double _rate = interval > 0 ? -Math.Log(1 - (1.0 / interval)) : 0;

    // The rate of blocks of a size class (see SampleChance).
    public double RateOf(int blockBytes) => blockBytes > MaxBlockBytes
        ? 0
        : _rate + (meanBytes > 0 ? (double)blockBytes / meanBytes : 0);

    // Returns a guarded block for an allocation that was drawn; null if there is no room for it.
    public void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed) =>
        alignment <= Geometry.UnitBytes && guards.LiveRangeBytes < MaxLiveRangeBytes
            ? kind.TryAllocate(cache, byteCount, alignment, isZeroed)
            : null;
}
