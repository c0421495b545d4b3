using System.Linq;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Records;

// The one compare by which Free tells a block of its heap and class from any other pointer.
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
        Inverse = info.Inverse,
        Bias = (PageMapEntry.TagOf(slot) + PageMapEntry.BinOffsetOf(info.Index, info.IsStacked)) * info.Inverse,
        BlockCount = (ushort)info.BlocksPerSpan,
        Shift = info.Shift,
    };
}
