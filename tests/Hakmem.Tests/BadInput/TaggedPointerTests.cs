using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Pointers with something in the bits above those of an address, as a program that keeps tags there hands in by
// mistake. The page map has an entry for any pointer at all, and these lead to that of a block: of the heap itself or
// of another one, whatever kind of block it is.
public sealed unsafe class TaggedPointerTests : IDisposable
{
    // More than there can be heaps beside each other in a test run.
    private const int Tags = 400;

    private readonly HakmemAllocator _first = new();
    private readonly HakmemAllocator _second = new();
    private readonly HakmemAllocator _hardened = new(new HakmemOptions { Hardening = HardeningLevel.Full });
    private readonly HakmemAllocator _sampled = new(new HakmemOptions { GuardedSampleInterval = 1_000_000 });

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _hardened.Dispose();
        _sampled.Dispose();
    }

    [Fact]
    public void FreeOfPointerWithTagBitsIsRefused()
    {
        foreach (HakmemAllocator owner in new[] { _first, _second, _hardened, _sampled, HakmemAllocator.Shared })
        {
            foreach (void* block in BlocksOfEveryKind(owner))
            {
                foreach (HakmemAllocator heap in new[] { _first, _second, _hardened, _sampled, HakmemAllocator.Shared })
                {
                    AssertFreeRefusesEveryTag(heap, block);
                }

                owner.Free(block);
            }
        }
    }

    [Fact]
    public void EveryMemberRefusesPointerWithTagBits()
    {
        foreach (void* block in BlocksOfEveryKind(_second))
        {
            foreach (HakmemAllocator heap in new[] { _first, _second, _hardened, _sampled, HakmemAllocator.Shared })
            {
                for (int bit = 40; bit < 64; bit++)
                {
                    AssertEveryMemberRefuses(heap, (byte*)block + (1L << bit));
                    AssertEveryMemberRefuses(heap, (byte*)block - (1L << bit));
                }
            }

            _second.Free(block);
        }
    }

    // A free that should have been refused would throw nothing: it is the common path of Free.
    private static void AssertFreeRefusesEveryTag(HakmemAllocator heap, void* block)
    {
        for (long tag = -Tags; tag <= Tags; tag++)
        {
            void* tagged = (byte*)block + (tag << 48);
            if (tag != 0)
            {
                Corruption.AssertReported(tagged, () => heap.Free(tagged));
            }
        }
    }

    private static void AssertEveryMemberRefuses(HakmemAllocator heap, void* tagged)
    {
        Corruption.AssertReported(tagged, () => heap.Free(tagged));
        Corruption.AssertReported(tagged, () => heap.Realloc(tagged, 100));
        Corruption.AssertReported(tagged, () => heap.UsableSize(tagged));
        Assert.False(heap.Owns(tagged));
    }

    // Of a span, whose kinds of bins differ, a run of units and a run of SuperSlabs; a hardened heap has guarded ranges
    // for the larger ones.
    private static void*[] BlocksOfEveryKind(HakmemAllocator heap) =>
    [
        heap.Alloc(BlockSizes.Tiny),
        heap.Alloc(BlockSizes.KiB),
        heap.Alloc(BlockSizes.Mid),
        heap.Realloc(heap.Alloc(60 * BlockSizes.KiB), 200 * BlockSizes.KiB),
        heap.Alloc(BlockSizes.Large),
    ];
}
