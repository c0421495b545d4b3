using System;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Pointers that are no live block of the heap, at one hardening level. Each test ends with the heap still working. The heaps are
// isolated: on the shared one, another test might be handed the very block that is freed twice here.
public abstract unsafe partial class BadPointerConformance : IDisposable
{
    private readonly HakmemAllocator _heap;
    private readonly HakmemOptions _options;

    // On another size class each, so that what these blocks hold is a check on what the bad frees leave alone.
    private readonly Block[] _bystanders;

    protected BadPointerConformance(HardeningLevel hardening)
    {
        // A decay pass that finds a double free just before a Trim does may still be about to note it for one.
        _options = new HakmemOptions
        {
            Hardening = hardening,
            PurgeDelay = TimeSpan.FromHours(1),
            SuperSlabCacheTtl = TimeSpan.FromHours(1),
        };
        _heap = new HakmemAllocator(_options);
        _bystanders =
        [
            Block.Allocate(_heap, BlockSizes.Tiny, 1),
            Block.Allocate(_heap, BlockSizes.Tiny, 2),
            Block.Allocate(_heap, BlockSizes.Mid, 3),
            Block.Allocate(_heap, BlockSizes.SuperSlab, 4),
        ];
    }

    // Whether a double free is reported by the call, or only when the block leaves the thread's cache.
    protected abstract bool ReportsEveryDoubleFreeAtTheCall { get; }

    public void Dispose()
    {
        _heap.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void AForeignPointerIsReported()
    {
        int onTheStack = 0;
        void* native = NativeMemory.AlignedAlloc(64, 64);
        try
        {
            AssertEveryMemberReports(&onTheStack);
            AssertEveryMemberReports((void*)((nuint)(&onTheStack) & ~(nuint)15));
            AssertEveryMemberReports(native);
            AssertEveryMemberReports((void*)1);
            AssertEveryMemberReports((void*)(nuint)16);
            AssertEveryMemberReports((void*)(nuint)4096);
            AssertEveryMemberReports((void*)nuint.MaxValue);
            AssertEveryMemberReports((void*)(nuint.MaxValue - 15));
            AssertEveryMemberReports((void*)(nuint.MaxValue << 47));
        }
        finally
        {
            NativeMemory.AlignedFree(native);
        }

        AssertHeapWorks();
    }

    [Fact]
    public void APinnedArrayIsReported()
    {
        byte[] array = GC.AllocateArray<byte>(1_000, pinned: true);
        AssertEveryMemberReports((void*)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0));
        AssertHeapWorks();
    }

    [Fact]
    public void AnInteriorPointerIsReported()
    {
        AssertInteriorReported(BlockSizes.Tiny, 16, 32, 48);
        AssertInteriorReported(1_024, 16, 64, 512, 1_008);
        AssertInteriorReported(BlockSizes.Mid, 16, 4_096, 65_536, BlockSizes.Mid - 16);
        AssertInteriorReported(BlockSizes.MiB, 16, 65_536, BlockSizes.MiB / 2);
        AssertInteriorReported(BlockSizes.Large, 16, 4_096, 65_536, BlockSizes.SuperSlab, 2 * BlockSizes.SuperSlab, BlockSizes.Large - 16);
        AssertHeapWorks();
    }

    [Fact]
    public void AMisalignedPointerIsReported()
    {
        foreach (nuint size in new nuint[] { 0, 16, BlockSizes.Tiny, 1_000, BlockSizes.Mid, BlockSizes.Large })
        {
            AssertInteriorReported(size, 1, 2, 4, 8, 15);
        }

        AssertHeapWorks();
    }

    [Fact]
    public void AnInteriorPointerOfAnAlignedBlockIsReported()
    {
        foreach (nuint alignment in new nuint[] { 64, 4_096, 65_536, BlockSizes.SuperSlab })
        {
            byte* pointer = (byte*)_heap.AlignedAlloc(10_000, alignment);
            AssertEveryMemberReports(pointer + 16);
            AssertEveryMemberReports(pointer + 4_096);
            Block.Filled(pointer, 10_000, 1).VerifyAndFree(_heap);
        }

        AssertHeapWorks();
    }

    [Fact]
    public void AnAddressOfTheArenaThatWasNeverHandedOutIsReported()
    {
        // The whole arena is one range: these lie in it or just outside, in SuperSlabs that are not this heap's.
        byte* pointer = (byte*)_heap.Alloc(BlockSizes.Tiny);
        AssertEveryMemberReports(pointer + (1L << 32));
        AssertEveryMemberReports(pointer + (1L << 38));
        AssertEveryMemberReports(pointer - (1L << 41));
        AssertEveryMemberReports(pointer + (1L << 41));
        _heap.Free(pointer);
        AssertHeapWorks();
    }

    [Fact]
    public void ABlockOfAnotherHeapIsReported()
    {
        using HakmemAllocator other = new(_options);
        foreach (HakmemAllocator owner in new[] { other, HakmemAllocator.Shared })
        {
            foreach (nuint size in new nuint[] { 0, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
            {
                Block block = Block.Allocate(owner, size, 1);
                AssertEveryMemberReports(block.Pointer);
                block.VerifyAndFree(owner);
            }
        }

        // And the other way round: this heap's blocks are no business of the other heap.
        foreach (Block block in _bystanders)
        {
            Corruption.AssertReported(block.Pointer, () => other.Free(block.Pointer));
            Corruption.AssertReported(block.Pointer, () => other.Realloc(block.Pointer, 1));
            Corruption.AssertReported(block.Pointer, () => other.UsableSize(block.Pointer));
        }

        HeapHealth.AssertWorks(other, expectedLiveBlocks: 0);
        AssertHeapWorks();
    }

    [Fact]
    public void ABlockOfADisposedHeapIsReported()
    {
        HakmemAllocator other = new(_options);
        void* tiny = other.Alloc(BlockSizes.Tiny);
        void* mid = other.Alloc(BlockSizes.Mid);
        void* large = other.Alloc(BlockSizes.Large);
        other.Dispose();
        AssertEveryMemberReports(tiny);
        AssertEveryMemberReports(mid);
        AssertEveryMemberReports(large);
        AssertHeapWorks();
    }

    private void AssertInteriorReported(nuint size, params ReadOnlySpan<nuint> offsets)
    {
        byte* pointer = (byte*)_heap.Alloc(size);
        Block block = Block.Filled(pointer, size, 5);
        foreach (nuint offset in offsets)
        {
            AssertEveryMemberReports(pointer + offset);
        }

        block.VerifyAndFree(_heap);
    }

    // Free, Realloc of either kind, TryExpand and UsableSize.
    private void AssertEveryMemberReports(void* pointer)
    {
        Corruption.AssertReported(pointer, () => _heap.Free(pointer));
        Corruption.AssertReported(pointer, () => _heap.UsableSize(pointer));
        Corruption.AssertReported(pointer, () => _heap.Realloc(pointer, 0));
        Corruption.AssertReported(pointer, () => _heap.Realloc(pointer, 10));
        Corruption.AssertReported(pointer, () => _heap.Realloc(pointer, BlockSizes.Large));
        Corruption.AssertReported(pointer, () => _heap.Realloc(pointer, 10, 4_096));
        Corruption.AssertReported(pointer, () => _heap.TryExpand(pointer, 0));
        Corruption.AssertReported(pointer, () => _heap.TryExpand(pointer, BlockSizes.Large));
        Corruption.AssertReported(pointer, () => _heap.Free(pointer, 0));
        Corruption.AssertReported(pointer, () => _heap.Free(pointer, 10));
        Corruption.AssertReported(pointer, () => _heap.Free(pointer, nuint.MaxValue));
        void* resized = pointer;
        Corruption.AssertReported(pointer, () => _heap.TryRealloc(ref resized, BlockSizes.Large));
        Assert.True(resized == pointer);
    }

    private void AssertHeapWorks()
    {
        foreach (Block block in _bystanders)
        {
            block.Verify();
        }

        HeapHealth.AssertWorks(_heap, _bystanders.Length);
        foreach (Block block in _bystanders)
        {
            block.VerifyAndFree(_heap);
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }
}
