using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Alloc and Free of the shared heap are written out, apart from what isolated heaps run. So the shared heap's answers
// to wrong pointers are tested apart as well, each for a class whose frees take the fast path.
public sealed unsafe class SharedHeapPointerTests
{
    private static readonly HakmemAllocator s_heap = HakmemAllocator.Shared;

    [Theory]
    [InlineData(16)]
    [InlineData(48)]
    [InlineData(200)]
    [InlineData(1000)]
    [InlineData(5000)]
    [InlineData(100_000)]
    public void EveryOffsetButTheFirstIsRefused(int bytes)
    {
        byte* block = WarmBlock(bytes);
        for (int offset = 1; offset < bytes; offset += offset < 64 ? 1 : 61)
        {
            byte* inside = block + offset;
            Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(inside));
            Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(inside, 1));
        }

        s_heap.Free(block);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(48)]
    [InlineData(200)]
    [InlineData(1000)]
    [InlineData(5000)]
    [InlineData(100_000)]
    public void SizedFreeOfOneByteMoreThanUsableIsRefused(int bytes)
    {
        byte* block = WarmBlock(bytes);
        nuint usable = s_heap.UsableSize(block);
        ThreadCache* cache = CurrentThread.Shared;
        void* before = *SideOf(block)->FreeTop;
        Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(block, usable + 1));
        Assert.True(before == *SideOf(block)->FreeTop);
        s_heap.Free(block, usable);
        Assert.True(block == *SideOf(block)->FreeTop);

        FreeSide* SideOf(void* of) => ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(Arena.EntryOf(cache, of)));
    }

    [Theory]
    [InlineData(48)]
    [InlineData(1000)]
    public void SecondSizedFreeAtOnceIsRefused(int bytes)
    {
        void* block = WarmBlock(bytes);
        s_heap.Free(block, (nuint)bytes);
        Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(block, (nuint)bytes));
    }

    [Fact]
    public void BlockOfAnotherHeapIsRefused()
    {
        using HakmemAllocator other = new();
        void* foreign = other.Alloc(48);
        void* block = WarmBlock(48);
        Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(foreign));
        Assert.Throws<HakmemCorruptionException>(() => other.Free(block));
        other.Free(foreign);
        s_heap.Free(block);
    }

    [Fact]
    public void PointerWithTagBitsIsRefused()
    {
        byte* block = WarmBlock(48);
        for (int bit = 47; bit < 64; bit++)
        {
            byte* tagged = (byte*)((nuint)block ^ (nuint)(1UL << bit));
            Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(tagged));
        }

        s_heap.Free(block);
    }

    [Fact]
    public void PointerIntoStackIsRefused()
    {
        s_heap.Free(WarmBlock(48));
        long local = 0;
        void* address = &local;
        Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(address));
    }

    [Theory]
    [InlineData(48)]
    [InlineData(200)]
    public void PointerBehindLastBlockOfSpanIsRefused(int bytes)
    {
        void* block = WarmBlock(bytes);
        SizeClassInfo info = SizeClassInfo.Standard[(int)SizeClass.IndexOf((nuint)bytes - 1)];
        DecodedEntry entry = PageMapEntry.Decode(Arena.EntryOf(CurrentThread.Shared, block));
        byte* behind = (byte*)entry.Address + info.SpanBlockBytes;
        Assert.True(info.SpanBlockBytes < info.SpanUnits * Geometry.UnitBytes);
        Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(behind));
        s_heap.Free(block);
    }

    [Theory]
    [InlineData(48)]
    [InlineData(1000)]
    public void SecondFreeAtOnceIsRefused(int bytes)
    {
        void* block = WarmBlock(bytes);
        s_heap.Free(block);
        Assert.Throws<HakmemCorruptionException>(() => s_heap.Free(block));
    }

    [Theory]
    [InlineData(48)]
    [InlineData(1000)]
    public void FreesStayWithinTheirMagazine(int bytes)
    {
        const int Count = 2_000;
        nint[] blocks = new nint[Count];
        for (int i = 0; i < Count; i++)
        {
            blocks[i] = (nint)s_heap.Alloc((nuint)bytes);
        }

        ThreadCache* cache = CurrentThread.Shared;
        int index = ThreadCache.OwnIndexOf(cache, (int)SizeClass.IndexOf((nuint)bytes - 1));
        int full = 0;
        for (int i = 0; i < Count; i++)
        {
            s_heap.Free((void*)blocks[i]);
            FreeSide* side = ThreadCache.FreeSideOf(cache, index);
            Assert.True(side->FreeTop <= side->FreeEnd, $"Free {i} went past the end.");
            full += side->FreeTop == side->FreeEnd ? 1 : 0;
        }

        Assert.True(full > 0);
    }

    // A live block of a class that has a magazine for the next free.
    private static byte* WarmBlock(int bytes)
    {
        void* block = s_heap.Alloc((nuint)bytes);
        s_heap.Free(s_heap.Alloc((nuint)bytes));
        void* second = s_heap.Alloc((nuint)bytes);
        void* third = s_heap.Alloc((nuint)bytes);
        s_heap.Free(second);
        s_heap.Free(third);
        return (byte*)block;
    }
}
