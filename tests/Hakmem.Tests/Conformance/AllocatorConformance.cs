using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// What every allocator in every mode promises. A mode is one subclass of a few lines that says how the heap, which is disposed, is made. The heap may
// be in use by other tests at the same time (the shared one is), so nothing here asks for statistics.
public abstract unsafe partial class AllocatorConformance : IDisposable
{
    // Zero, a few sizes off any class, every boundary of every class, and large ones.
    private static readonly IReadOnlyList<nuint> s_allSizes = [0, 1, 7, 8, 9, .. BlockSizes.ClassBoundaries, .. BlockSizes.LargeSizes];

    private readonly IHakmemAllocator _heap;

    protected AllocatorConformance(IHakmemAllocator heap)
    {
        _heap = heap;
    }

    // How far apart the sizes are where every one is tried: more than 1 for modes in which a block costs system calls.
    protected virtual nuint SizeStep => 1;

    public void Dispose()
    {
        if (_heap != HakmemAllocator.Shared)
        {
            ((IDisposable)_heap).Dispose();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public void EverySizeIsAlignedDisjointAndWritableToItsUsableSize()
    {
        BlockLedger ledger = new(_heap);
        foreach (nuint size in s_allSizes)
        {
            ledger.Allocate(size);
        }

        ledger.VerifyAll();

        // Every other block goes and comes back, so that reuse meets live neighbours.
        for (int i = ledger.Count - 1; i >= 0; i -= 2)
        {
            ledger.Free(i);
        }

        foreach (nuint size in s_allSizes)
        {
            ledger.Allocate(size);
        }

        ledger.VerifyAll();
        ledger.FreeAll();
    }

    [Fact]
    public void ManyBlocksOfOneSizeAreDisjoint()
    {
        foreach (nuint size in new nuint[] { 0, 16, 48, 112, 1024, 1025, 5000, 32_768, 65_536, BlockSizes.Mid, BlockSizes.MiB })
        {
            // Enough for several spans and, for the bigger classes, several SuperSlabs.
            BlockLedger ledger = new(_heap);
            int count = (int)nuint.Clamp(6 * BlockSizes.MiB / nuint.Max(size, 1), 10, 12_000);
            for (int i = 0; i < count; i++)
            {
                ledger.Allocate(size);
            }

            ledger.FreeAll();
        }
    }

    [Fact]
    public void UsableSizeIsAtMostAnEighthMoreThanAsked()
    {
        for (nuint size = 1; size <= BlockSizes.LargestClass; size += SizeStep)
        {
            void* pointer = _heap.Alloc(size);
            nuint usable = _heap.UsableSize(pointer);
            _heap.Free(pointer);
            if (usable < size || usable - size > nuint.Max(15, size / 8))
            {
                Assert.Fail($"A block of {size} bytes has {usable} usable bytes.");
            }
        }

        foreach (nuint size in BlockSizes.LargeSizes)
        {
            void* pointer = _heap.Alloc(size);
            nuint usable = _heap.UsableSize(pointer);
            _heap.Free(pointer);
            Assert.InRange(usable, size, size + BlockSizes.SuperSlab - 1);
        }
    }

    [Fact]
    public void ZeroBytesGiveUniquePointers()
    {
        HashSet<nint> seen = [];
        for (int i = 0; i < 1_000; i++)
        {
            void* pointer = (i % 4) switch
            {
                0 => _heap.Alloc(0),
                1 => _heap.AllocZeroed(0),
                2 => _heap.AlignedAlloc(0, 16),
                _ => _heap.Realloc(null, 0),
            };
            Assert.True(pointer is not null);
            Assert.True(seen.Add((nint)pointer), "Two live blocks of zero bytes have one address.");
        }

        foreach (nint address in seen)
        {
            _heap.Free((void*)address);
        }
    }

    [Fact]
    public void FreeingNullDoesNothing()
    {
        _heap.Free(null);
        Block block = Block.Allocate(_heap, 100, 1);
        _heap.Free(null);
        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void UsableSizeOfNullIsZero()
    {
        Assert.Equal((nuint)0, _heap.UsableSize(null));
    }

    [Fact]
    public void ZeroedBlocksAreZeroOnADirtyHeap()
    {
        // Three rounds: fresh memory, memory that was just freed full of ones, and memory that was trimmed in between.
        for (int round = 0; round < 3; round++)
        {
            foreach (nuint size in s_allSizes)
            {
                void* zeroed = _heap.AllocZeroed(size);
                Pattern.VerifyZero(zeroed, size);
                Assert.True((nuint)zeroed % 16 == 0);
                void* dirty = _heap.Alloc(size);
                Dirty(zeroed);
                Dirty(dirty);
                _heap.Free(zeroed);
                _heap.Free(dirty);
                void* again = _heap.AllocZeroed(size);
                Pattern.VerifyZero(again, size);
                _heap.Free(again);
            }

            if (round == 1)
            {
                _heap.Trim();
            }
        }

        void Dirty(void* pointer) => new Span<byte>(pointer, (int)_heap.UsableSize(pointer)).Fill(0xFF);
    }

    [Fact]
    public void TrimKeepsWhatIsLive()
    {
        BlockLedger ledger = new(_heap);
        foreach (nuint size in s_allSizes)
        {
            ledger.Allocate(size);
        }

        for (int i = ledger.Count - 1; i >= 0; i -= 3)
        {
            ledger.Free(i);
        }

        _heap.Trim();
        ledger.VerifyAll();
        for (int i = 0; i < 500; i++)
        {
            ledger.Allocate((nuint)i);
        }

        _heap.Trim();
        ledger.VerifyAll();
        ledger.FreeAll();
        _heap.Trim();
    }

    [Fact]
    public void RandomMixKeepsItsContents()
    {
        Seeded.Run(seed =>
        {
            Random random = new(seed);
            BlockLedger ledger = new(_heap);
            for (int i = 0; i < 20_000; i++)
            {
                if (ledger.Count < 50 || (ledger.Count < 600 && random.Next(2) == 0))
                {
                    ledger.Allocate(BlockSizes.RandomSmall(random));
                }
                else
                {
                    ledger.Free(random.Next(ledger.Count));
                }
            }

            ledger.FreeAll();
        });
    }
}
