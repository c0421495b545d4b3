using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// In steady state no member makes managed garbage. Alone: where another heap has taken many gibibytes of addresses, this one's next SuperSlab
// lies far up, and its set of them grows, which is an array.
[Collection(AloneCollection.Name)]
public sealed unsafe class GarbageTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AllocAndFreeMakeNoGarbage()
    {
        nuint[] sizes = [0, BlockSizes.Tiny, 1_024, 5_000, BlockSizes.Mid, BlockSizes.MiB, 2 * BlockSizes.SuperSlab];
        foreach (HakmemAllocator heap in new[] { _heap, HakmemAllocator.Shared })
        {
            foreach (nuint size in sizes)
            {
                // Zeroing makes the big ones slow.
                int rounds = size < BlockSizes.Mid ? 2_000 : 100;
                AssertNoGarbage(rounds, () =>
                {
                    heap.Free(heap.Alloc(size));
                    heap.Free(heap.AllocZeroed(size));
                    heap.Free(heap.AlignedAlloc(size, 64));
                    if (heap.TryAlloc(size, out void* pointer))
                    {
                        heap.UsableSize(pointer);
                        heap.Owns(pointer);
                        heap.Free(pointer);
                    }
                });
            }
        }
    }

    // Guarded blocks have a text each, for faults.
    [Theory]
    [InlineData(HardeningLevel.Checked)]
    [InlineData(HardeningLevel.Full)]
    public void HardenedBlocksMakeNoGarbage(HardeningLevel level)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = level, CaptureStacks = false });
        nuint[] sizes = [16, BlockSizes.Tiny, 5_000, BlockSizes.Mid, BlockSizes.MiB, 2 * BlockSizes.SuperSlab];
        foreach (nuint size in sizes)
        {
            AssertNoGarbage(30, () =>
            {
                heap.Free(heap.Alloc(size));
                heap.Free(heap.AlignedAlloc(size, 64));
                heap.Free(heap.Realloc(heap.Alloc(size), 2 * size));
            });
        }
    }

    [Fact]
    public void WindowsOfManyBlocksMakeNoGarbage()
    {
        // More blocks than a thread's cache holds, so that every round goes through the depot and the spans.
        nint[] window = new nint[3_000];
        foreach (nuint size in new nuint[] { 48, BlockSizes.Tiny, 1_000 })
        {
            AssertNoGarbage(50, () =>
            {
                for (int i = 0; i < window.Length; i++)
                {
                    window[i] = (nint)_heap.Alloc(size);
                }

                for (int i = 0; i < window.Length; i++)
                {
                    _heap.Free((void*)window[i]);
                }
            });
        }
    }

    [Fact]
    public void ReallocMakesNoGarbage()
    {
        AssertNoGarbage(1_000, () =>
        {
            void* pointer = _heap.Realloc(null, 10);
            pointer = _heap.Realloc(pointer, 1_000);
            pointer = _heap.Realloc(pointer, BlockSizes.Mid);
            pointer = _heap.Realloc(pointer, BlockSizes.SuperSlab);
            pointer = _heap.Realloc(pointer, 10);
            _heap.Free(pointer);
        });
    }

    [Fact]
    public void BufferRentalMakesNoGarbage()
    {
        AssertNoGarbage(1_000, () =>
        {
            using NativeBuffer<int> small = _heap.Rent<int>(10);
            using NativeBuffer<long> big = _heap.Rent<long>(10_000, zeroed: true);
            small[9] = 1;
            big.Span[9_999] = small[9];
        });
    }

    private static void AssertNoGarbage(int rounds, Action action) =>
        Assert.Equal(0, ManagedGarbage.Measure(rounds, action));
}
