using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Blocks that are used after they were freed.
public abstract unsafe partial class BadPointerConformance
{
    // Every route of a free: the smallest and largest of each.
    private static readonly nuint[] s_freedSizes =
        [0, 16, BlockSizes.Tiny, 1_024, 1_025, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.MiB + 1, BlockSizes.Large];

    [Fact]
    public void AnImmediateDoubleFreeIsReportedAtTheCall()
    {
        foreach (nuint size in s_freedSizes)
        {
            void* pointer = _heap.Alloc(size);
            _heap.Free(pointer);
            Corruption.AssertReported(pointer, () => _heap.Free(pointer));
            Corruption.AssertReported(pointer, () => _heap.Free(pointer));
        }

        AssertHeapWorks();
    }

    // However full the magazine is that it went to.
    [Fact]
    public void AnImmediateDoubleFreeIsReportedAtTheCallAfterAnyNumberOfFrees()
    {
        foreach (nuint size in s_freedSizes)
        {
            void*[] blocks = new void*[Math.Clamp((int)(8 * BlockSizes.MiB / nuint.Max(size, 1)), 4, 600)];
            for (int i = 0; i < blocks.Length; i++)
            {
                blocks[i] = _heap.Alloc(size);
            }

            foreach (void* block in blocks)
            {
                _heap.Free(block);
                Corruption.AssertReported(block, () => _heap.Free(block));
            }
        }

        AssertHeapWorks();
    }

    [Fact]
    public void ADoubleFreeWithOtherFreesBetweenIsReportedByTrimAtTheLatest()
    {
        foreach (nuint size in s_freedSizes)
        {
            void* twice = _heap.Alloc(size);
            void* between = _heap.Alloc(size);
            _heap.Free(twice);
            _heap.Free(between);
            AssertDoubleFreeReported(twice);
            AssertHeapWorksAfterADoubleFree();
        }

        AssertHeapWorks();
    }

    [Fact]
    public void ADoubleFreeManyFreesLaterIsReportedByTrimAtTheLatest()
    {
        // More frees between than a thread's cache holds: the first copy has long moved on.
        const int Between = 3_000;
        List<nint> others = [];
        void* twice = _heap.Alloc(BlockSizes.Tiny);
        for (int i = 0; i < Between; i++)
        {
            others.Add((nint)_heap.Alloc(BlockSizes.Tiny));
        }

        _heap.Free(twice);
        others.ForEach(address => _heap.Free((void*)address));
        AssertDoubleFreeReported(twice);
        AssertHeapWorksAfterADoubleFree();
        AssertHeapWorks();
    }

    [Fact]
    public void ADoubleFreeFromAnotherThreadIsReportedByTrimAtTheLatest()
    {
        void* twice = _heap.Alloc(BlockSizes.Tiny);
        Workers.RunOne(() => _heap.Free(twice));
        AssertDoubleFreeReported(twice);
        AssertHeapWorksAfterADoubleFree();
        AssertHeapWorks();
    }

    [Fact]
    public void ADoubleFreeAfterTrimIsReportedByTrimAtTheLatest()
    {
        foreach (nuint size in new nuint[] { BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.Large })
        {
            // The neighbour keeps the span of a tiny block alive.
            Block neighbour = Block.Allocate(_heap, size, 9);
            void* twice = _heap.Alloc(size);
            _heap.Free(twice);
            _heap.Trim();
            AssertDoubleFreeReported(twice);
            AssertHeapWorksAfterADoubleFree(alsoLive: 1);
            neighbour.VerifyAndFree(_heap);
        }

        AssertHeapWorks();
    }

    [Fact]
    public void AFreedBlockCannotBeMeasuredOrResized()
    {
        foreach (nuint size in s_freedSizes)
        {
            void* pointer = _heap.Alloc(size);
            _heap.Free(pointer);
            Corruption.AssertReported(pointer, () => _heap.UsableSize(pointer));
            Corruption.AssertReported(pointer, () => _heap.Realloc(pointer, size));
            Corruption.AssertReported(pointer, () => _heap.Realloc(pointer, (2 * size) + 100));
        }

        AssertHeapWorks();
    }

    [Fact]
    public void AFreedBlockBehindOthersCannotBeMeasuredOrResized()
    {
        // By standard hardening a block is known to be free while it lies in the calling thread's cache, where three tiny ones do:
        // of mid ones the first have moved on to the depot by then.
        nuint[] sizes = ReportsEveryDoubleFreeAtTheCall
            ? [BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.Large]
            : [BlockSizes.Tiny, BlockSizes.Large];
        foreach (nuint size in sizes)
        {
            void* first = _heap.Alloc(size);
            void* second = _heap.Alloc(size);
            void* third = _heap.Alloc(size);
            _heap.Free(first);
            _heap.Free(second);
            _heap.Free(third);
            Corruption.AssertReported(first, () => _heap.UsableSize(first));
            Corruption.AssertReported(second, () => _heap.Realloc(second, size));
        }

        AssertHeapWorks();
    }

    [Fact]
    public void NoneOfTheFreedBlocksInAMagazineCanBeResized()
    {
        // The second turn fills magazines that have grown, so that the thread keeps all it frees.
        const int Few = 11;
        nint* blocks = stackalloc nint[40];
        foreach (int count in new[] { 40, Few })
        {
            for (int i = 0; i < count; i++)
            {
                blocks[i] = (nint)_heap.Alloc(BlockSizes.Tiny);
            }

            for (int i = 0; i < count; i++)
            {
                _heap.Free((void*)blocks[i]);
            }
        }

        for (int i = 0; i < Few; i++)
        {
            void* block = (void*)blocks[i];
            Corruption.AssertReported(block, () => _heap.Realloc(block, BlockSizes.Tiny));
        }

        AssertHeapWorks();
    }

    [Fact]
    public void TheOldPointerOfAResizeThatMovedIsReported()
    {
        foreach (nuint size in new nuint[] { BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.MiB })
        {
            Block block = Block.Allocate(_heap, size, 1);
            Block moved = block.Resize(_heap, BlockSizes.Large, 2);
            Assert.NotEqual(block.Address, moved.Address);
            Corruption.AssertReported(block.Pointer, () => _heap.Free(block.Pointer));
            moved.VerifyAndFree(_heap);
        }

        AssertHeapWorks();
    }

    // The second free of a block, and a Trim if that let it pass. The pointer is not live before, and nothing is cached after.
    private void AssertDoubleFreeReported(void* pointer)
    {
        if (ReportsEveryDoubleFreeAtTheCall)
        {
            Corruption.AssertReported(pointer, () => _heap.Free(pointer));
            return;
        }

        Corruption.AssertReported(pointer, () =>
        {
            _heap.Free(pointer);
            _heap.Trim();
        });
        _heap.Trim();
    }

    private void AssertHeapWorksAfterADoubleFree(int alsoLive = 0)
    {
        foreach (Block block in _bystanders)
        {
            block.Verify();
        }

        HeapHealth.AssertWorks(_heap, _bystanders.Length + alsoLive);
    }
}
