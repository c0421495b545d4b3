using System;
using System.Linq;
using CsCheck;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Records;

// The compares by which Free tells a block of its heap and class from any other pointer.
public sealed unsafe class FreeSideTests
{
    // As high as an arena may lie where addresses have 48 bits, and as low as one may lie at all.
    private static readonly ulong[] s_spans = [0x7F12_3400_0000, (1UL << 48) - Geometry.SlabBytes, 1UL << 35];

    private static readonly int[] s_slots = [0, 1, 4_000, PageMapEntry.MaxHeapSlots - 1];

    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    // Of a heap that has pairs of magazines only.
    private static readonly SizeClassInfo[] s_pairs = SizeClassInfo.CreateTable(maxVisibleBlocks: 64);

    // The compare is one to one, so that for each heap's entry the pointers that another heap's side admits are known:
    // one for each block of a span. None of them may be one that the page map leads from to the span. What it looks at
    // are the 40 lowest bits.
    [Fact]
    public void PointersAdmittedForOtherHeapsLeadToOtherEntries()
    {
        foreach (SizeClassInfo info in s_classes)
        {
            foreach (nuint span in s_spans.Select(address => (nuint)address))
            {
                foreach (int own in s_slots)
                {
                    FreeSide side = SideOf(own, info);
                    for (int slot = 0; slot < PageMapEntry.MaxHeapSlots; slot++)
                    {
                        AssertLeadsElsewhere(side, slot, own, span, info);
                    }
                }
            }
        }
    }

    [Fact]
    public void EveryBlockOfASpanIsAdmittedAndNothingBesides()
    {
        foreach (SizeClassInfo info in s_classes)
        {
            FreeSide side = SideOf(5, info);
            foreach (nuint span in s_spans.Select(address => (nuint)address))
            {
                ulong entry = PageMapEntry.ForSpan(5, span, info.Index, info.IsStacked);
                int admitted = 0;
                for (nuint offset = 0; offset < (nuint)info.SpanUnits * Geometry.UnitBytes; offset += Geometry.MinAlignment / 2)
                {
                    admitted += FreeSide.Admits(&side, entry, (void*)(span + offset)) ? 1 : 0;
                }

                Assert.Equal(info.BlocksPerSpan, admitted);
                for (int block = 0; block < info.BlocksPerSpan; block++)
                {
                    admitted -= FreeSide.Admits(&side, entry, (void*)(span + ((nuint)block * (nuint)info.BlockBytes))) ? 1 : 0;
                }

                Assert.Equal(0, admitted);

                for (int bit = 40; bit < 64; bit++)
                {
                    Assert.False(FreeSide.Admits(&side, entry, (void*)(span + (nuint)(1UL << bit))));
                    Assert.False(FreeSide.Admits(&side, entry, (void*)(span - (nuint)(1UL << bit))));
                }
            }
        }
    }

    [Fact]
    public void CoversEverySizeOfTheClassAndNoOther()
    {
        foreach (SizeClassInfo info in s_classes)
        {
            FreeSide side = SideOf(5, info);
            nuint bytes = (nuint)info.BlockBytes;
            for (nuint size = 1; size <= SizeClass.MaxBytes; size++)
            {
                if (FreeSide.Covers(&side, size) != (size <= bytes))
                {
                    Assert.Fail($"A block of {bytes} bytes covers {size}, or does not.");
                }
            }

            Assert.False(FreeSide.Covers(&side, 0));
            for (int bit = SizeClass.MaxBits + 1; bit < 64; bit++)
            {
                Assert.False(FreeSide.Covers(&side, (nuint)(1UL << bit)));
                Assert.False(FreeSide.Covers(&side, (nuint)(1UL << bit) + 1));
            }

            Assert.False(FreeSide.Covers(&side, nuint.MaxValue));
        }
    }

    // Every offset of a SuperSlab, and numbers far from any span: what another heap's tag, a foreign pointer or a
    // wrapped difference leaves.
    [Fact]
    public void AdmitsTellsBlocksFromEveryOtherOffset() =>
        Gen.Select(Gen.Int[0, SizeClass.Count - 1], Gen.ULong, Gen.Bool).Sample((index, number, isAligned) =>
        {
            SizeClassInfo info = s_classes[index];
            FreeSide side = SideOf(5, info);
            ulong entry = PageMapEntry.ForSpan(5, (nuint)s_spans[0], index, info.IsStacked);
            ulong far = Math.Max(isAligned ? number & ~(Geometry.UnitBytes - 1UL) : number, Geometry.SlabBytes);
            Assert.False(FreeSide.Admits(&side, entry, (void*)(s_spans[0] + far)));
            ulong near = number % Geometry.SlabBytes;
            bool isBlock = near % (ulong)info.BlockBytes == 0 && near < (ulong)info.SpanBlockBytes;
            Assert.Equal(isBlock, FreeSide.Admits(&side, entry, (void*)(s_spans[0] + near)));
        });

    // The place in an entry is that of its own heap's kind of bin, 8 bytes beside that of a heap with the other kind:
    // what is read there is a part of one field and a part of the next.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BinsOfTheOtherKindAdmitNothing(bool isClosed)
    {
        foreach (SizeClassInfo info in s_classes.Where(info => info.IsStacked))
        {
            SizeClassInfo asPair = s_pairs[info.Index];
            foreach (nuint span in s_spans.Select(address => (nuint)address))
            {
                foreach ((int own, int other) in new[] { (0, 1), (1, 0), (5, 4_000), (4_000, 5) })
                {
                    Bin bin = BinOf(own, asPair, isClosed);
                    AssertAdmitsNothing((FreeSide*)&bin, PageMapEntry.ForSpan(other, span, info.Index, isStacked: true), span, info);
                    bin = BinOf(own, info, isClosed);
                    AssertAdmitsNothing(
                        (FreeSide*)((byte*)&bin + 8), PageMapEntry.ForSpan(other, span, info.Index, isStacked: false), span, info);
                }
            }
        }
    }

    // A program can make up a pointer that passes both compares in a bin of the other kind. It must not be taken for
    // the heap's own: neither by Free, which goes on to ask for room, nor by slow paths, which ask for the kind.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BinOfOtherKindHasNoRoomForAnyPointer(bool isClosed)
    {
        int admitted = 0;
        foreach (SizeClassInfo info in s_classes.Where(info => info.IsStacked))
        {
            foreach ((int own, int other) in new[] { (0, 1), (4_000, 5), (0, PageMapEntry.MaxHeapSlots - 1) })
            {
                Bin bin = BinOf(own, s_pairs[info.Index], isClosed);
                var side = (FreeSide*)&bin;
                ulong entry = PageMapEntry.ForSpan(other, (nuint)s_spans[0], info.Index, isStacked: true);
                admitted += FreeSide.Admits(side, entry, (void*)(entry + side->Origin)) ? 1 : 0;
                Assert.False(FreeSide.HasRoom(side, side->FreeTop));
                Assert.False(FreeSide.IsOfKind(side));

                bin = BinOf(own, info, isClosed);
                side = (FreeSide*)((byte*)&bin + 8);
                entry = PageMapEntry.ForSpan(other, (nuint)s_spans[0], info.Index, isStacked: false);
                Assert.False(FreeSide.Admits(side, entry, (void*)(entry + side->Origin)));
            }
        }

        Assert.True(isClosed ? admitted == 0 : admitted > 0);
    }

    [Fact]
    public void BinOfOwnKindHasRoomBelowItsEnd()
    {
        foreach (SizeClassInfo info in s_classes)
        {
            Bin bin = BinOf(1, info, isClosed: false);
            var side = (FreeSide*)((byte*)&bin + (info.IsStacked ? 0 : 8));
            Assert.True(FreeSide.IsOfKind(side));
            Assert.True(FreeSide.HasRoom(side, side->FreeTop));
            Assert.True(FreeSide.HasRoom(side, side->FreeEnd - 1));
            Assert.False(FreeSide.HasRoom(side, side->FreeEnd));
            side->FreeEnd = null;
            Assert.True(FreeSide.IsOfKind(side));
            Assert.False(FreeSide.HasRoom(side, side->FreeTop));
        }
    }

    // 1365 blocks of 48 bytes leave 16 bytes of a unit, at an offset that is a multiple of 48.
    [Fact]
    public void FreeOfPointerBehindLastBlockOfSpanIsRefused()
    {
        SizeClassInfo info = s_classes.Single(entry => entry.BlockBytes == 48);
        Assert.Equal((1, Geometry.UnitBytes - 16), (info.SpanUnits, info.SpanBlockBytes));
        using HakmemAllocator heap = new();
        void* block = heap.Alloc(48);
        heap.Free(heap.Alloc(48));
        nuint span = (nuint)block & ~((nuint)Geometry.UnitBytes - 1);

        Assert.Throws<HakmemCorruptionException>(() => heap.Free((void*)(span + (nuint)info.SpanBlockBytes)));

        heap.Free(block);
    }

    private static void AssertAdmitsNothing(FreeSide* side, ulong entry, nuint span, SizeClassInfo info)
    {
        for (int block = 0; block < info.BlocksPerSpan; block++)
        {
            nuint address = span + ((nuint)block * (nuint)info.BlockBytes);
            if (FreeSide.Admits(side, entry, (void*)address) || FreeSide.Admits(side, entry, (void*)(address + 8)))
            {
                Assert.Fail($"A block of class {info.Index} is believed to be the heap's own.");
            }
        }
    }

    // As after some use, at addresses that magazines may have.
    private static Bin BinOf(int slot, SizeClassInfo info, bool isClosed)
    {
        Bin bin = new() { AllocTop = (void**)0x7F00_1234_5678, Primary = (Magazine*)0x7F00_1234_5000, Secondary = (Magazine*)0x7F00_1234_6000 };
        FreeSide* put = (FreeSide*)((byte*)&bin + (info.IsStacked ? 0 : 8));
        FreeSide side = SideOf(slot, info);
        side.FreeTop = info.IsStacked ? bin.AllocTop : (void**)0x7F00_1234_6120;
        side.FreeEnd = isClosed ? null : (void**)0x7F00_1234_61F8;
        *put = side;
        return bin;
    }

    private static void AssertLeadsElsewhere(FreeSide side, int slot, int own, nuint span, SizeClassInfo info)
    {
        ulong entry = PageMapEntry.ForSpan(slot, span, info.Index, info.IsStacked);
        nuint first = span + (nuint)(PageMapEntry.TagOf(slot) - PageMapEntry.TagOf(own));
        nuint last = first + (nuint)(info.SpanBlockBytes - info.BlockBytes);

        // These are they, and there are as many as the span has blocks.
        if (!FreeSide.Admits(&side, entry, (void*)first) || !FreeSide.Admits(&side, entry, (void*)last))
        {
            Assert.Fail($"The pointers admitted for class {info.Index} are not where they are looked for.");
        }

        nuint mask = unchecked((nuint)(Arena.MinMappedBytes - 1));
        nuint spanBytes = (nuint)info.SpanUnits * Geometry.UnitBytes;
        if (slot != own && (((first - span) & mask) < spanBytes || ((last - span) & mask) < spanBytes))
        {
            Assert.Fail($"Heap {own} believes 0x{first:x} to be its own block, which is of heap {slot}.");
        }
    }

    private static FreeSide SideOf(int slot, SizeClassInfo info) => new()
    {
        Reciprocal = info.Reciprocal,
        Origin = 0 - PageMapEntry.TagOf(slot) - PageMapEntry.BinOffsetOf(info.Index, info.IsStacked),
        SpanBytes = (ulong)info.SpanBlockBytes,
    };
}
