using System.Linq;
using CsCheck;
using Hakmem.Records;
using Xunit;

namespace Hakmem.Tests.Records;

// The bit fields of the diagram at PageMapEntry, restated.
public sealed class PageMapEntryTests
{
    // Unit-aligned addresses that an arena may have.
    private static readonly Gen<ulong> s_addresses = Gen.OneOf(Gen.ULong[PageMapEntry.LeastAddress >> 16, 1UL << 20], Gen.ULong[1UL << 20, (1UL << 32) - 1])
        .Select(unit => unit << 16);

    // With a heap's slot.
    private static readonly Gen<(int Slot, ulong Address)> s_places =
        s_addresses.SelectMany(address => Gen.Int[0, PageMapEntry.MaxSlotsFrom(address) - 1].Select(slot => (slot, address)));

    [Fact]
    public void ASpansEntryHasSlotAddressAndClassInTheirPlaces() =>
        Gen.Select(s_places, Gen.Int[0, SizeClass.Count - 1]).Sample((place, sizeClass) =>
        {
            (int slot, ulong address) = place;
            ulong entry = PageMapEntry.ForSpan(slot, (nuint)address, sizeClass, sizeClass >= SizeClass.FirstStacked);
            Assert.Equal((ulong)slot + 1, entry >> 48);
            Assert.Equal(address - (((ulong)slot + 1) << 21), entry & 0x0000_FFFF_FFFF_0000);
            Assert.Equal(Place(sizeClass), (nuint)(entry & 0xFFFF));
            Assert.Equal(Place(sizeClass), PageMapEntry.BinOffsetOf(entry));
            Assert.Equal(new DecodedEntry(EntryKind.Span, (nuint)address, slot, sizeClass), PageMapEntry.Decode(entry));
        });

    [Fact]
    public void AnEntryIsTheSumOfItsParts() =>
        Gen.Select(s_places, Gen.Int[0, SizeClass.Count - 1]).Sample((place, sizeClass) =>
            Assert.Equal(
                PageMapEntry.TagOf(place.Slot) + place.Address + Place(sizeClass),
                PageMapEntry.ForSpan(place.Slot, (nuint)place.Address, sizeClass, sizeClass >= SizeClass.FirstStacked)));

    [Fact]
    public void AUnitRunsEntryIsOfNoHeapAndNoClass() =>
        s_addresses.Sample(address =>
        {
            ulong entry = PageMapEntry.ForRange(EntryKind.UnitRun, (nuint)address);
            Assert.Equal(new DecodedEntry(EntryKind.UnitRun, (nuint)address, -1, -1), PageMapEntry.Decode(entry));
            Assert.Equal((nuint)0, PageMapEntry.BinOffsetOf(entry));
        });

    [Fact]
    public void AGuardedBlocksEntryIsOfNoHeapAndNoUnitRun() =>
        s_addresses.Sample(address =>
        {
            ulong entry = PageMapEntry.ForRange(EntryKind.Guarded, (nuint)address);
            Assert.Equal(new DecodedEntry(EntryKind.Guarded, (nuint)address, -1, -1), PageMapEntry.Decode(entry));
            Assert.Equal((nuint)0, PageMapEntry.BinOffsetOf(entry));

            // As the fault handler's machine code takes it apart.
            Assert.Equal((ulong)PageMapEntry.GuardTagNumber, entry >> 48);
            Assert.Equal(address, entry << 16 >> 16);
        });

    [Fact]
    public void ZeroIsAnEntryOfNothing() => Assert.Equal(new DecodedEntry(EntryKind.None, 0, -1, -1), PageMapEntry.Decode(0));

    [Fact]
    public void EveryClassHasABinOffsetThatAnEntryCanHold() =>
        Assert.All(Enumerable.Range(0, SizeClass.Count), sizeClass =>
        {
            ulong entry = PageMapEntry.ForSpan(0, 0, sizeClass, sizeClass >= SizeClass.FirstStacked);
            Assert.Equal(sizeClass, PageMapEntry.BinIndexOf(entry));
        });

    // A bin of 64 bytes a class, behind a head of 64; 8 bytes further on for paired classes, which are those up to 256 bytes.
    private static nuint Place(int sizeClass) => ((nuint)(sizeClass + 1) * 64) + (SizeClass.BytesOf(sizeClass) <= 256 ? 8u : 0u);
}
