using Hakmem.Guarded;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Xunit;

namespace Hakmem.Tests.Architecture;

// The sizes and places that diagrams in the sources show and that address arithmetic takes for granted.
public sealed unsafe class LayoutTests
{
    [Fact]
    public void ABinIsOneCacheLine()
    {
        Assert.Equal(64, sizeof(Bin));
        Assert.Equal(Bin.Bytes, sizeof(Bin));
        Assert.Equal(1 << PageMapEntry.BinShift, sizeof(Bin));
    }

    [Fact]
    public void ABinHasTheFastPathsFieldsInOrder()
    {
        Bin bin;
        byte* start = (byte*)&bin;
        Assert.Equal([0L, 48, 56], new long[]
        {
            (byte*)&bin.AllocTop - start, (byte*)&bin.Primary - start, (byte*)&bin.Secondary - start,
        });

        FreeSide put;
        byte* side = (byte*)&put;
        Assert.Equal([0L, 8, 16, 24, 32, 40], new long[]
        {
            (byte*)&put.FreeTop - side, (byte*)&put.Reciprocal - side, (byte*)&put.Origin - side,
            (byte*)&put.FreeEnd - side, (byte*)&put.SpanBytes - side, sizeof(FreeSide),
        });
    }

    [Fact]
    public void AnEntryOfZeroLeadsToAHeadThatRefusesEveryAddress()
    {
        ThreadCache cache;
        FreeSide* asSide = ThreadCache.FreeSideAt(&cache, PageMapEntry.BinOffsetOf(0UL));
        Assert.Equal((nuint)(&cache.EmptySlot), (nuint)(&asSide->SpanBytes));
        Assert.Equal((nuint)0, PageMapEntry.BinOffsetOf(PageMapEntry.ForRange(EntryKind.UnitRun, Geometry.UnitBytes)));

        // Looks like the shared heap's tag with nothing but a small offset left.
        HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(64));
        Assert.Throws<HakmemCorruptionException>(() => HakmemAllocator.Shared.Free((void*)(PageMapEntry.TagOf(0) + 0x40)));
    }

    [Fact]
    public void AThreadCacheIsAHeadLineThenBinsThenTheirStates()
    {
        ThreadCache* cache = null;
        Assert.Equal(64, (long)ThreadCache.BinAt(cache, 0));
        Assert.Equal(64 + (64 * 111), (long)ThreadCache.BinAt(cache, 111));
        Assert.Equal(64 + (64 * 112), (long)ThreadCache.StateAt(cache, 0));

        // Whatever the struct's own size, its record has room for all states.
        Assert.True((long)ThreadCache.StateAt(cache, 111) + sizeof(BinState) <= sizeof(ThreadCache));
        Assert.Equal(32, sizeof(BinState));

        // The head's last field ends within the head.
        ThreadCache local;
        Assert.Equal(64 - sizeof(ThreadCache*), (byte*)&local.Checked - (byte*)&local);
        Assert.Equal(0, (byte*)&local.PageMap - (byte*)&local);
    }

    [Fact]
    public void BinsOfStripesFollowTheFixedPartThenTheirStates()
    {
        ThreadCache* cache = null;
        int bins = Stripe.Bins - SizeClass.Count;
        Assert.Equal(0, bins % Stripe.ClassCount);
        Assert.Equal(sizeof(ThreadCache), (long)ThreadCache.BinOf(cache, SizeClass.Count));
        Assert.Equal(sizeof(ThreadCache) + (64 * (bins - 1)), (long)ThreadCache.BinOf(cache, Stripe.Bins - 1));
        Assert.Equal(sizeof(ThreadCache) + (64 * bins), (long)ThreadCache.StateAt(cache, SizeClass.Count));
        Assert.Equal(ThreadCache.Bytes, (long)ThreadCache.StateAt(cache, Stripe.Bins - 1) + sizeof(BinState));

        // The fields behind the states of the size classes end before the first bin of a stripe.
        ThreadCache local;
        Assert.InRange((byte*)&local.IsClaiming + sizeof(int) - (byte*)&local, sizeof(Bin) * 113, sizeof(ThreadCache));
    }

    [Fact]
    public void EntriesCanHoldTheBinsOfAsManyStripesAsThereMayBe()
    {
        for (int index = 0; index < Stripe.MaxBins; index++)
        {
            bool isStacked = index is >= SizeClass.FirstStacked and < SizeClass.Count;
            Assert.InRange(PageMapEntry.BinOffsetOf(index, isStacked), 64u, ushort.MaxValue);
            Assert.Equal(index, PageMapEntry.BinIndexOf(PageMapEntry.ForSpan(0, 0, index, isStacked)));
        }

        long most = sizeof(ThreadCache) + ((Stripe.MaxBins - SizeClass.Count) * (sizeof(Bin) + sizeof(BinState)));
        Assert.InRange(most, ThreadCache.Bytes, MetadataAllocator.MaxRecordBytes);
    }

    [Fact]
    public void AnEntrysBinOffsetLeadsToItsClasssBin()
    {
        ThreadCache local = new() { FirstStacked = SizeClass.FirstStacked };
        ThreadCache* cache = &local;
        for (int index = 0; index < SizeClass.Count; index++)
        {
            ulong entry = PageMapEntry.ForSpan(0, 0, index, index >= SizeClass.FirstStacked);
            Assert.True(ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry)) == ThreadCache.FreeSideOf(cache, index));
        }
    }

    [Fact]
    public void AStackedClasssTopIsOneAndAPairedClasssAreTwo()
    {
        ThreadCache local = new() { FirstStacked = SizeClass.FirstStacked };
        ThreadCache* cache = &local;
        for (int index = 0; index < SizeClass.Count; index++)
        {
            Bin* take = ThreadCache.BinAt(cache, (uint)index);
            void* put = ThreadCache.FreeSideOf(cache, index);
            bool isOneTop = put == take;
            Assert.Equal(SizeClass.BytesOf(index) > 256, isOneTop);
            Assert.True(isOneTop || put == (byte*)take + 8);
        }
    }

    [Fact]
    public void AMagazinesSlotsFollowItsSentinel()
    {
        Magazine local;
        Magazine* magazine = &local;
        Assert.Equal(24, sizeof(Magazine));
        Assert.Equal(0, (byte*)&magazine->Next - (byte*)magazine);
        Assert.Equal(8, (byte*)&magazine->Count - (byte*)magazine);
        Assert.Equal(12, (byte*)&magazine->Capacity - (byte*)magazine);
        Assert.Equal(16, (byte*)&magazine->Sentinel - (byte*)magazine);
        Assert.True(Magazine.SlotsOf(magazine) == &magazine->Sentinel + 1);
    }

    [Fact]
    public void RecordsOfTheArenaAreOneCacheLineEach()
    {
        Assert.Equal(64, sizeof(SpanHeader));
        Assert.Equal(64, sizeof(SuperSlabHeader));
        Assert.Equal(SpanHeader.Bytes, sizeof(SpanHeader));
        Assert.Equal(SuperSlabHeader.Bytes, sizeof(SuperSlabHeader));

        // What a header that was never written says.
        Assert.Equal(SuperSlabState.Untaken, default(SuperSlabHeader).State);
    }

    // The figures in the machine code of LinuxFaultReporter.
    [Fact]
    public void TheFaultHandlerFindsRecordsWhereTheyAre()
    {
        SpanHeader span;
        Assert.Equal(32, (byte*)&span.Guard - (byte*)&span);
        Assert.Equal(1 << (Geometry.UnitShift - 10), sizeof(SpanHeader));
        Assert.Equal(0xffffff, (Geometry.MaxArenaBytes >> Geometry.UnitShift) - 1);
        Assert.Equal(0xfffe, PageMapEntry.GuardTagNumber);
        GuardedBlock block;
        Assert.Equal(0, (byte*)&block.Text - (byte*)&block);
        Assert.Equal(FaultText.Pieces * 16, sizeof(FaultText));
        Assert.InRange(sizeof(GuardedBlock), 1, 512);
    }

    [Fact]
    public void MetadataRecordsHoldWhatIsStoredInThem()
    {
        Assert.InRange(sizeof(MetadataFreeBlock), 1, MetadataAllocator.MinRecordBytes);
        Assert.InRange(sizeof(MetadataChunk) + MetadataAllocator.MaxRecordBytes, 1, 1 << MetadataChunk.Shift);

        // A set has a bit for each SuperSlab of the largest arena.
        Assert.InRange(Geometry.MaxArenaBytes >> Geometry.SlabShift, 1, 8L * MetadataAllocator.MaxRecordBytes);
    }

    [Fact]
    public void EntriesAndCountsFitTheirFields()
    {
        Assert.InRange(PageMapEntry.BinOffsetOf(SizeClass.Count - 1, isStacked: false), 1u, ushort.MaxValue);
        Assert.InRange(PageMapEntry.MaxHeapSlots, 1, PageMapEntry.GuardTagNumber - 1);
        Assert.InRange(Geometry.MaxBlocksPerSpan, 1, ushort.MaxValue);
        Assert.InRange(SizeClass.Count, 1, byte.MaxValue);
        Assert.Equal((uint)SizeClass.FirstStacked, SizeClass.IndexOf(256));
        Assert.Equal((uint)SizeClass.Count - 1, SizeClass.IndexOf(SizeClass.MaxBytes - 1));
    }

    [Fact]
    public void TheGeometryIsThatOfTheDocuments()
    {
        Assert.Equal(64 << 10, Geometry.UnitBytes);
        Assert.Equal(2 << 20, Geometry.SlabBytes);
        Assert.Equal(32, Geometry.UnitsPerSlab);
        Assert.Equal(112, SizeClass.Count);
        Assert.Equal(1 << 20, SizeClass.MaxBytes);
        Assert.Equal(128L << 20, (Geometry.MaxArenaBytes >> Geometry.UnitShift) * sizeof(ulong));
        Assert.Equal(Geometry.MaxBlocksPerSpan, 64 * Arena.BitmapWordsPerUnit);
    }
}
