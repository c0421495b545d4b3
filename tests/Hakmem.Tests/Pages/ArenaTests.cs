using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

// The reserved range, its tables and its book of what is taken.
public sealed unsafe class ArenaTests
{
    // Tables become writable for this many SuperSlabs at once.
    private const int Batch = 64;

    [Fact]
    [Needs(SystemNeed.Pages)]
    public void TheBaseIsAlignedToABatchAndTheRangeIsInaccessible()
    {
        using TestArena test = new();
        Assert.Equal((nuint)0, (nuint)test.Arena.Base % ((nuint)Batch * Geometry.SlabBytes));
        Assert.Equal(TestArena.DefaultBytes, test.Arena.ReservedBytes);
        Assert.Equal(TestArena.DefaultBytes / Geometry.SlabBytes, test.Arena.SlabCount);
        Assert.Equal("---p", Mappings.ProtectionOf(test.Arena.Base));
        Assert.Equal("---p", Mappings.ProtectionOf(test.Arena.Base + test.Arena.ReservedBytes - 1));
        Assert.Equal(0, test.CommittedBytes);
    }

    [Fact]
    public void TablesAndArenaLieInOneReservation()
    {
        using TestArena test = new();
        OsCallRecord reservation = test.Os.Calls.First(call => call.Kind == OsCall.Reserve);
        Assert.Single(test.Os.Calls, call => call.Kind == OsCall.Reserve && call.Bytes >= (nuint)test.Arena.ReservedBytes);
        nuint end = reservation.Address + reservation.Bytes;
        Arena arena = test.Arena;
        nuint[] starts = [(nuint)arena.Slab(0), (nuint)arena.Span(0), (nuint)arena.Bitmap(0), (nuint)arena.PageMap, (nuint)arena.Base];
        int units = arena.SlabCount * Geometry.UnitsPerSlab;
        nuint[] ends =
        [
            (nuint)arena.Slab(arena.SlabCount), (nuint)arena.Span(units), (nuint)arena.Bitmap(units),
            (nuint)(arena.PageMap + MapUnits(arena)), (nuint)arena.Base + (nuint)arena.ReservedBytes,
        ];
        Assert.Equal(reservation.Address, starts[0]);
        for (int i = 1; i < starts.Length; i++)
        {
            Assert.True(ends[i - 1] <= starts[i]);
        }

        Assert.True(ends[^1] <= end);
    }

    [Fact]
    public void AnyPointersEntryReadsAsZeroFromTheStart()
    {
        using TestArena test = new();
        Gen.ULong.Sample(pointer => Assert.Equal(0UL, test.Arena.EntryOf((void*)pointer)));
    }

    [Fact]
    public void AnAddressAndItsUnitShareAnEntry()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        for (int unit = 0; unit < arena.SlabCount * Geometry.UnitsPerSlab; unit++)
        {
            nuint address = (nuint)arena.AddressOfUnit(unit) + 12_345;
            Assert.Equal(unit, arena.UnitOf(address));
            Assert.True(arena.EntryOf(unit) == arena.PageMap + ((address >> Geometry.UnitShift) & (nuint)(MapUnits(arena) - 1)));
        }
    }

    [Fact]
    [Needs(SystemNeed.Linux, SystemNeed.ReadableIsFree)]
    public void AnArenaAcrossATerabyteBorderWrapsItsPageMap()
    {
        const long Bytes = 512L << 20;
        using BorderMemory os = new(Bytes / 2);
        Arena arena = new(os, Bytes);
        arena.RefreshLimit();
        Assert.Equal(MapUnits(arena) - (int)(Bytes / 2 >> Geometry.UnitShift), (int)(((nuint)arena.Base >> Geometry.UnitShift) & (nuint)(MapUnits(arena) - 1)));
        Assert.Equal(0, arena.TryTake(arena.SlabCount, 1));
        HashSet<nuint> entries = [];
        for (int unit = 0; unit < arena.SlabCount * Geometry.UnitsPerSlab; unit++)
        {
            // Writable, each its own, and where the address says.
            *arena.EntryOf(unit) = (ulong)unit + 1;
            Assert.True(entries.Add((nuint)arena.EntryOf(unit)));
            nuint address = (nuint)arena.AddressOfUnit(unit);
            Assert.Equal((ulong)unit + 1, arena.EntryOf((void*)address));
        }

        Assert.True(arena.EntryOf((int)(Bytes / 2 >> Geometry.UnitShift)) == arena.PageMap);
    }

    [Fact]
    public void TablesComeInBatches()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        Assert.False(arena.HasTables(0));
        test.Os.ForgetCalls();
        Assert.Equal(0, arena.TryTake(1, 1));
        Assert.True(arena.HasTables((nuint)Batch * Geometry.SlabBytes - 1));
        Assert.False(arena.HasTables((nuint)Batch * Geometry.SlabBytes));
        int commits = test.Os.CountOf(OsCall.Commit);
        Assert.Equal(1, arena.TryTake(Batch - 1, 1));
        Assert.Equal(commits, test.Os.CountOf(OsCall.Commit));
        Assert.Equal(Batch, arena.TryTake(1, 1));
        Assert.Equal(2 * commits, test.Os.CountOf(OsCall.Commit));
        Assert.True(arena.HasTables((nuint)arena.ReservedBytes - 1));
        Assert.False(arena.HasTables((nuint)arena.ReservedBytes));
        Assert.False(arena.HasTables(unchecked((nuint)(-1))));
        Assert.Equal(0, test.CommittedBytes);
    }

    [Fact]
    public void ASuperSlabsTablesGetTheirPagesWhenItIsFirstTakenByItself()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        test.Os.ForgetCalls();
        Assert.Equal(0, arena.TryTake(2, 1));
        Assert.Equal(0, test.Os.CountOf(OsCall.Prefault));
        Assert.Equal(2, arena.TryTake(1, 1));
        Assert.All(
            [(nuint)arena.Span(2 * Geometry.UnitsPerSlab), (nuint)arena.Bitmap(2 * Geometry.UnitsPerSlab), (nuint)arena.Bitmap(3 * Geometry.UnitsPerSlab) - 1],
            address => Assert.Contains(test.Os.Calls, call => call.Kind == OsCall.Prefault && address - call.Address < call.Bytes));
        test.Os.ForgetCalls();
        arena.Return(2, 1);
        Assert.True(arena.TryTakeAt(2, 1));
        Assert.Empty(test.Os.Calls);
    }

    [Fact]
    public void RefusedPagesOfTablesAreNoReasonNotToTakeASuperSlab()
    {
        using TestArena test = new();
        test.Os.RefuseAll(OsCall.Prefault);
        Assert.Equal(0, test.Arena.TryTake(1, 1));
        Assert.Equal(2, test.Os.Refusals);
        test.Arena.Bitmap(Geometry.UnitsPerSlab - 1)[Arena.BitmapWordsPerUnit - 1] = 1;
    }

    [Fact]
    public void TablesOfATakenSuperSlabAreWritableToTheirEnds()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        Assert.Equal(0, arena.TryTake(arena.SlabCount, 1));
        int lastUnit = (arena.SlabCount * Geometry.UnitsPerSlab) - 1;
        arena.Slab(arena.SlabCount - 1)->EmptySince = 1;
        arena.Span(lastUnit)->Previous = 1;
        arena.Bitmap(lastUnit)[Arena.BitmapWordsPerUnit - 1] = 1;
        *arena.EntryOf(lastUnit) = 1;
        Assert.Equal(SuperSlabState.Untaken, arena.Slab(arena.SlabCount - 2)->State);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void ARefusedTableTakesNothingAndTheNextTryWorks(int nth)
    {
        using TestArena test = new();
        test.Os.RefuseNth(nth);
        Assert.Equal(-1, test.Arena.TryTake(3, 1));
        Assert.False(test.Arena.HasTables(0));
        Assert.Equal(0, test.Arena.TryTake(3, 1));
    }

    [Fact]
    public void TakingIsLowestFirstAndReturningMakesRoom()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        Assert.Equal(0, arena.TryTake(4, 1));
        Assert.Equal(4, arena.TryTake(2, 1));
        arena.Return(1, 2);
        Assert.Equal(6, arena.TryTake(3, 1));

        // What was returned comes last, and a request that nothing can fulfil does not change that.
        Assert.Equal(-1, arena.TryTake(arena.SlabCount, 1));
        Assert.Equal(9, arena.TryTake(2, 1));
        Assert.Equal(11, arena.TryTake(arena.SlabCount - 11, 1));
        Assert.Equal(1, arena.TryTake(2, 1));
        Assert.Equal(-1, arena.TryTake(1, 1));
    }

    [Fact]
    public void SuperSlabThatNobodyHadIsTakenAgainAtOnce()
    {
        using TestArena test = new();
        Assert.Equal(0, test.Arena.TryTake(3, 1));
        test.Arena.Untake(0, 3);
        Assert.Equal(0, test.Arena.TryTake(3, 1));
        test.Arena.Return(0, 3);
        Assert.Equal(3, test.Arena.TryTake(3, 1));
    }

    [Fact]
    public void TakeAtGivesExactlyWhatIsFree()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        Assert.True(arena.TryTakeAt(10, 5));
        Assert.False(arena.TryTakeAt(8, 3));
        Assert.False(arena.TryTakeAt(14, 1));
        Assert.True(arena.TryTakeAt(8, 2));
        Assert.True(arena.TryTakeAt(15, 1));
        Assert.False(arena.TryTakeAt(arena.SlabCount - 1, 2));
        Assert.True(arena.TryTakeAt(arena.SlabCount - 1, 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(16)]
    [InlineData(64)]
    public void AlignmentIsOfTheAddress(int alignmentSlabs)
    {
        using TestArena test = new(512L << 20);
        test.Arena.TryTake(1, 1);
        int first = test.Arena.TryTake(2, alignmentSlabs);
        Assert.Equal((nuint)0, (nuint)test.AddressOf(first) % ((nuint)alignmentSlabs << Geometry.SlabShift));
        Assert.InRange(first, 1, alignmentSlabs);
    }

    [Fact]
    public void TakingAroundCountsOwnOnesAsFreeAndTakesTheRest()
    {
        using TestArena test = new();
        Arena arena = test.Arena;
        SuperSlabBitmap own = new(arena.Metadata);
        Assert.True(own.TryReserve(arena.SlabCount));

        // taken: 0 own 1 2, free 3, own 4, free 5, taken 6
        Assert.True(arena.TryTakeAt(0, 3));
        Assert.True(arena.TryTakeAt(4, 1));
        Assert.True(arena.TryTakeAt(6, 1));
        own.Add(1, 2);
        own.Add(4, 1);
        Assert.Equal(1, arena.TryTakeAround(own, 5, 1));
        Assert.False(arena.TryTakeAt(3, 1));
        Assert.False(arena.TryTakeAt(5, 1));
        arena.Return(3, 1);
        arena.Return(5, 1);
        Assert.Equal(7, arena.TryTakeAround(own, 6, 1));
        Assert.Equal(-1, arena.TryTakeAround(own, arena.SlabCount, 1));
    }

    [Fact]
    public void TakingAroundAgreesWithASearchByHand() =>
        Gen.Select(Gen.Int[0, 2].Array[40], Gen.Int[1, 8], Gen.Int[0, 3]).Sample(
            (kinds, count, alignmentLog2) =>
            {
                // 0: free, 1: taken, 2: own.
                using TestArena test = new(128L << 20);
                SuperSlabBitmap own = new(test.Arena.Metadata);
                Assert.True(own.TryReserve(kinds.Length));
                for (int slab = 0; slab < kinds.Length; slab++)
                {
                    Assert.True(kinds[slab] == 0 || test.Arena.TryTakeAt(slab, 1));
                    if (kinds[slab] == 2)
                    {
                        own.Add(slab, 1);
                    }
                }

                int alignment = 1 << alignmentLog2;
                int expected = Enumerable.Range(0, test.Arena.SlabCount - count + 1).First(first =>
                    ((nuint)test.AddressOf(first) >> Geometry.SlabShift) % (nuint)alignment == 0 &&
                    Enumerable.Range(first, count).All(slab => slab >= kinds.Length || kinds[slab] != 1));
                Assert.Equal(expected, test.Arena.TryTakeAround(own, count, alignment));
                for (int slab = expected; slab < expected + count; slab++)
                {
                    Assert.False(test.Arena.TryTakeAt(slab, 1));
                }
            },
            iter: 200);

    [Fact]
    public void ARefusedReservationIsHalvedAndThenHalvedAgainForTheProcessesSake()
    {
        using FaultyMemory os = new();
        os.RefuseNth(1);
        Arena arena = new(os, 1L << 30);
        Assert.Equal(256L << 20, arena.ReservedBytes);
        Assert.Equal(3, os.Calls.Count(call => call.Kind == OsCall.Reserve && call.Bytes > 64 << 20));
        Assert.Equal(1, os.CountOf(OsCall.Release));
        arena.RefreshLimit();
        Assert.Equal(0, arena.TryTake(arena.SlabCount, 1));
    }

    [Fact]
    public void WithoutAnyReservationThereIsNoArena()
    {
        using FaultyMemory os = new();
        os.RefuseAll(OsCall.Reserve);
        Assert.Throws<OutOfMemoryException>(() => new Arena(os, 1L << 30));

        // 1 GiB, 512, 256, 128, 64 MiB.
        Assert.Equal(5, os.Calls.Count);
    }

    [Fact]
    [Needs(SystemNeed.Linux, SystemNeed.ReadableIsFree)]
    public void ArenaAtAddressesTooLowForEntriesIsRefused()
    {
        // At 512 MiB.
        using BorderMemory os = new((1L << 40) - (1L << 29));
        PlatformNotSupportedException refusal = Assert.Throws<PlatformNotSupportedException>(() => new Arena(os, 256L << 20));
        Assert.Contains($"0x{PageMapEntry.LeastAddress:x}", refusal.Message, StringComparison.Ordinal);
    }

    // As an emulator gives them, or a system whose addresses begin at 4 GiB.
    [Theory]
    [InlineData(1L << 32, 1_024)]
    [InlineData(1L << 33, 2_048)]
    [InlineData(1L << 36, PageMapEntry.MaxHeapSlots)]
    [Needs(SystemNeed.Linux, SystemNeed.ReadableIsFree)]
    public void ArenaAtLowAddressesHasFewerHeaps(long address, int least)
    {
        using BorderMemory os = new((1L << 40) - address);
        Arena arena = new(os, 256L << 20);
        Assert.InRange(arena.MaxHeapSlots, least, PageMapEntry.MaxHeapSlots);
        Assert.InRange(PageMapEntry.ForSpan(arena.MaxHeapSlots - 1, (nuint)arena.Base, 0, false) >> 48, (ulong)arena.MaxHeapSlots, (ulong)arena.MaxHeapSlots);
        Assert.Equal((nuint)arena.Base, PageMapEntry.Decode(PageMapEntry.ForSpan(arena.MaxHeapSlots - 1, (nuint)arena.Base, 0, false)).Address);
    }

    [Fact]
    public void AnUnreadablePageMapGivesTheReservationBack()
    {
        using FaultyMemory os = new();
        os.RefuseAll(OsCall.MakeReadable);
        Assert.Throws<OutOfMemoryException>(() => new Arena(os, 64L << 20));
        Assert.Equal(os.CountOf(OsCall.Reserve), os.CountOf(OsCall.Release));
    }

    private static int MapUnits(Arena arena) => (int)(arena.PageMapBytes / sizeof(ulong));
}
