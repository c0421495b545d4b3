using System;
using System.Linq;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Large;

// How blocks grow beyond the size classes: in place, by moving pages, and by a copy where neither is possible.
public sealed unsafe class LargeBlocksTests : IDisposable
{
    private const nuint KiB = BlockSizes.KiB;
    private const nuint MiB = BlockSizes.MiB;
    private const nuint SuperSlab = BlockSizes.SuperSlab;

    private readonly TestArena _test = new();
    private readonly HakmemAllocator _heap;

    public LargeBlocksTests() => _heap = new HakmemAllocator(
        new HakmemOptions { LazyZero = LazyZeroMode.Off, SuperSlabCacheTtl = TimeSpan.FromDays(1) }, _test.Arena);

    public void Dispose()
    {
        ArenaAudit.Check(_heap);
        _heap.Dispose();
        _test.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void ARunGrowsInPlaceWhereTheNextSuperSlabsAreFree()
    {
        Block block = Block.Allocate(_heap, 4 * SuperSlab, 1);
        void* first = block.Pointer;
        for (nuint slabs = 5; slabs < 40; slabs += 3)
        {
            block = block.Resize(_heap, slabs * SuperSlab, (uint)slabs);
            Assert.True(block.Pointer == first);
        }

        Assert.Equal(0, _test.Os.CountOf(OsCall.Move));
    }

    [Fact]
    public void BlocksThatLieFarApartBeginAtDifferentPlacesOfAPage()
    {
        // Seven blocks in as many regions of 32 MiB, each with room for any of the 64 places.
        nuint[] places = [.. Enumerable.Range(0, 7).Select(_ => (nuint)_heap.Alloc((32 * MiB) - (4 * KiB)) % (4 * KiB))];
        Assert.All(places, place => Assert.Equal((nuint)0, place % 64));
        Assert.True(places.Distinct().Count() >= 5, string.Join(' ', places));
    }

    [Fact]
    public void ABlockThatIsAllocatedAgainBeginsWhereItBegan()
    {
        void* keep = _heap.Alloc(40 * MiB);
        void* block = _heap.Alloc((6 * MiB) - (4 * KiB));
        _heap.Free(block);
        Assert.True(_heap.Alloc((6 * MiB) - (8 * KiB)) == block);
        _heap.Free(keep);
    }

    [Fact]
    public void APlaceInThePageNeverTakesASuperSlabMore()
    {
        for (int i = 0; i < 7; i++)
        {
            void* block = _heap.Alloc(32 * MiB);
            Assert.Equal((nuint)0, (nuint)block % SuperSlab);
            Assert.Equal(32 * MiB, _heap.UsableSize(block));
        }

        Assert.Equal(7 * 32 << 20, _heap.GetStatistics().CommittedBytes);
    }

    [Fact]
    public void WhatIsAskedToBeAlignedIsSoAndTheRestOfTheRunIsUsable()
    {
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal((nuint)0, (nuint)_heap.AlignedAlloc((32 * MiB) - (4 * KiB), 4 * KiB) % (4 * KiB));
            byte* block = (byte*)_heap.Alloc((32 * MiB) - (4 * KiB));
            nuint usable = _heap.UsableSize(block);
            Assert.InRange(usable, (32 * MiB) - (4 * KiB), 32 * MiB);
            block[usable - 1] = 1;
            Assert.True(_heap.Owns(block + usable - 1));
        }
    }

    [Fact]
    public void AnAddressBeforeABlocksBeginningIsRefusedByName()
    {
        byte* block = (byte*)Enumerable.Range(0, 7).Select(_ => (nint)_heap.Alloc((32 * MiB) - (4 * KiB))).First(each => each % (nint)(4 * KiB) != 0);
        HakmemCorruptionException exception = Assert.Throws<HakmemCorruptionException>(() => _heap.Free(block - 64));
        Assert.Contains("64 bytes before the block", exception.Message, StringComparison.Ordinal);
        _heap.Free(block);
    }

    [Fact]
    public void AnImpossibleGrowthOfARunLeavesItAlone()
    {
        Block block = Block.Allocate(_heap, (6 * MiB) - (4 * KiB), 1);
        Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(block.Pointer, nuint.MaxValue));
        Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(block.Pointer, nuint.MaxValue - (2 * KiB)));
        block.Verify();
    }

    [Fact]
    public void ARunGrowsIntoCachedSuperSlabsWithoutACall()
    {
        Block block = Block.Allocate(_heap, 2 * SuperSlab, 1);
        _heap.Free(Block.Allocate(_heap, 3 * SuperSlab, 2).Pointer);
        _test.Os.ForgetCalls();
        Block grown = block.Resize(_heap, 5 * SuperSlab, 3);
        Assert.True(grown.Pointer == block.Pointer);
        Assert.Empty(_test.Os.Calls);
    }

    [Fact]
    [Needs(SystemNeed.MovesPages)]
    public void ARunWithSomethingBehindItMovesItsPages()
    {
        Block block = Block.Allocate(_heap, 4 * SuperSlab, 1);
        Block wall = Block.Allocate(_heap, 2 * SuperSlab, 2);
        Block grown = block.Resize(_heap, 6 * SuperSlab, 3);
        Assert.True(grown.Pointer != block.Pointer);

        // One SuperSlab at a time.
        OsCallRecord[] moves = [.. _test.Os.Calls.Where(call => call.Kind == OsCall.Move)];
        Assert.Equal(4, moves.Length);
        for (uint slab = 0; slab < 4; slab++)
        {
            Assert.Equal(new OsCallRecord(OsCall.Move, (nuint)block.Pointer + (slab * SuperSlab), SuperSlab, true), moves[slab]);
        }

        wall.Verify();

        // The old place is empty, and known to be zero: nothing has to be cleared there, and nothing of the old contents is left.
        Assert.Equal(0u, Header(block.Pointer)->DirtyUnits);
        void* again = _heap.AllocZeroed(4 * SuperSlab);
        Assert.True(again == block.Pointer);
        Assert.Equal(0u, Header(again)->StaleUnits);
        Pattern.VerifyZero(again, 4 * SuperSlab);
        grown.Verify();
    }

    [Fact]
    [Needs(SystemNeed.MovesPages)]
    public void AMovedRunMovesAgain()
    {
        Block block = Block.Allocate(_heap, 2 * SuperSlab, 1);
        for (uint round = 1; round <= 4; round++)
        {
            // Larger than any place that a move has left empty, so that it lies behind the block.
            Block.Allocate(_heap, block.Bytes + SuperSlab, 100 + round);
            block = block.Resize(_heap, (2 + (2 * round)) * SuperSlab, 1 + round);
        }

        Assert.Equal(2 + 4 + 6 + 8, _test.Os.CountOf(OsCall.Move));
    }

    [Fact]
    public void WhereMovingIsRefusedTheContentsAreCopied()
    {
        Block block = Block.Allocate(_heap, 4 * SuperSlab, 1);
        Block wall = Block.Allocate(_heap, 2 * SuperSlab, 2);
        _test.Os.RefuseAll(OsCall.Move);
        Block grown = block.Resize(_heap, 6 * SuperSlab, 3);
        Assert.True(grown.Pointer != block.Pointer);
        wall.Verify();
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
        Assert.Equal((long)(8 * SuperSlab), _heap.GetStatistics().LiveBytes);

        // The old place was written to, and is cleared before it is handed out as zero.
        Assert.Equal(UnitMask.All, Header(block.Pointer)->DirtyUnits);
        void* again = _heap.AllocZeroed(4 * SuperSlab);
        Assert.True(again == block.Pointer);
        Pattern.VerifyZero(again, 4 * SuperSlab);
    }

    [Fact]
    [Needs(SystemNeed.MovesPages)]
    public void AMoveRefusedHalfWayIsTakenBackBeforeTheContentsAreCopied()
    {
        Block block = Block.Allocate(_heap, 4 * SuperSlab, 1);
        Block wall = Block.Allocate(_heap, 2 * SuperSlab, 2);
        int moves = 0;
        _test.Os.Refuse(call => call == OsCall.Move && ++moves == 3);
        Block grown = block.Resize(_heap, 6 * SuperSlab, 3);
        Assert.True(grown.Pointer != block.Pointer);
        Assert.Equal(3, moves);
        wall.Verify();
        grown.Verify();
        Assert.Equal((long)(8 * SuperSlab), _heap.GetStatistics().LiveBytes);
    }

    // Moved pages would replace those of the target, and leave the source without any: two places to fault in again.
    [Fact]
    public void RunIsCopiedToWhereItFindsPages()
    {
        byte* source = GrowOnto(slabs: 4, warmSlabs: 6, grownSlabs: 6);
        Assert.DoesNotContain(_test.Os.Calls, call => call.Kind == OsCall.Move);
        Assert.Equal(UnitMask.All, Header(source)->DirtyUnits);
        Assert.Equal((long)(8 * SuperSlab), _heap.GetStatistics().LiveBytes);
    }

    [Theory]
    [InlineData(9, 12, 12)]
    [InlineData(4, 1, 6)]
    [Needs(SystemNeed.MovesPages)]
    public void RunThatIsLongOrFindsFewPagesIsMoved(int slabs, int warmSlabs, int grownSlabs)
    {
        GrowOnto((uint)slabs, (uint)warmSlabs, (uint)grownSlabs);
        Assert.Equal(slabs, _test.Os.CountOf(OsCall.Move));
    }

    [Fact]
    public void ASmallRunIsCopiedRatherThanMoved()
    {
        Block block = Block.Allocate(_heap, SuperSlab, 1);
        Block.Allocate(_heap, SuperSlab, 2);
        block.Resize(_heap, 2 * SuperSlab, 3);
        Assert.DoesNotContain(_test.Os.Calls, call => call.Kind == OsCall.Move);
    }

    [Fact]
    public void MappingsThatRanOutAreNamed()
    {
        _test.Os.RefuseAll(OsCall.Commit);
        Assert.DoesNotContain("max_map_count", RefusalOf(64 * SuperSlab), StringComparison.Ordinal);
        _test.Os.MostMappings = 65_530;
        string message = RefusalOf(64 * SuperSlab);
        Assert.Contains("65530 memory mappings", message, StringComparison.Ordinal);
        Assert.Contains("vm.max_map_count=131060", message, StringComparison.Ordinal);
    }

    private string RefusalOf(nuint byteCount) =>
        Assert.Throws<OutOfMemoryException>(() => _heap.Alloc(byteCount)).Message;

    [Fact]
    public void AGrowthThatNothingAllowsLeavesTheBlock()
    {
        Block block = Block.Allocate(_heap, 4 * SuperSlab, 1);
        Block.Allocate(_heap, SuperSlab, 2);
        _test.Os.RefuseAll(OsCall.Commit);
        Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(block.Pointer, 5 * SuperSlab));
        block.Verify();
        Assert.Equal(4 * SuperSlab, _heap.UsableSize(block.Pointer));
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ARunShrinksInPlaceAndGivesBackItsEnd()
    {
        Block block = Block.Allocate(_heap, 6 * SuperSlab, 1);
        Block shrunk = block.Resize(_heap, (2 * SuperSlab) + 1, 2);
        Assert.True(shrunk.Pointer == block.Pointer);
        Assert.Equal(3 * SuperSlab, _heap.UsableSize(shrunk.Pointer));
        Assert.Equal(3, _heap.GetStatistics().SuperSlabsCached);
    }

    [Fact]
    public void AZeroedRunClearsStaleUnitsOnly()
    {
        // One unit is said to be zero although it is not: had it been cleared all the same, what is planted there would be gone.
        void* used = _heap.Alloc(4 * SuperSlab);
        new Span<byte>(used, (int)(4 * SuperSlab)).Fill(0xEE);
        _heap.Free(used);
        int head = _test.Arena.UnitOf((nuint)used) / Geometry.UnitsPerSlab;
        _test.Arena.Slab(head)->DirtyUnits &= ~(1u << 5);
        byte* zeroed = (byte*)_heap.AllocZeroed(4 * SuperSlab);
        Assert.True(zeroed == used);
        for (int unit = 0; unit < 4 * Geometry.UnitsPerSlab; unit++)
        {
            byte expected = unit == 5 ? (byte)0xEE : (byte)0;
            Assert.Equal(-1, new ReadOnlySpan<byte>(zeroed + (unit * Geometry.UnitBytes), Geometry.UnitBytes).IndexOfAnyExcept(expected));
        }
    }

    [Fact]
    [Needs(SystemNeed.Pages)]
    public void ANewZeroedRunTouchesNoPage()
    {
        void* zeroed = _heap.AllocZeroed(8 * SuperSlab);
        Assert.Equal(0, Residency.BytesIn(zeroed, 8 * SuperSlab));
    }

    [Fact]
    public void AGrowingBlockBecomesARunOfUnitsAndThenOfSuperSlabs()
    {
        // Leaves the first SuperSlab less than half free, so that the growing block gets one of its own.
        Block neighbour = Block.Allocate(_heap, MiB, 1);
        Block block = Block.Allocate(_heap, 120 * KiB, 1);
        block = block.Resize(_heap, 130 * KiB, 2);
        void* place = block.Pointer;
        Assert.Equal(EntryKind.UnitRun, KindAt(place));
        Assert.Equal(192 * KiB, _heap.UsableSize(place));
        for (nuint bytes = 200 * KiB; bytes <= 2 * MiB; bytes += 200 * KiB)
        {
            block = block.Resize(_heap, bytes, (uint)bytes);
            Assert.True(block.Pointer == place);
            Assert.Equal((bytes + Geometry.UnitBytes - 1) & ~(nuint)(Geometry.UnitBytes - 1), _heap.UsableSize(place));
        }

        Assert.Equal(SuperSlabState.Spans, Header(place)->State);
        block = block.Resize(_heap, (2 * MiB) + 1, 3);
        Assert.True(block.Pointer == place);
        Assert.Equal(SuperSlabState.RunHead, Header(place)->State);
        Assert.Equal(2 * SuperSlab, _heap.UsableSize(place));
        block = block.Resize(_heap, 9 * MiB, 4);
        Assert.True(block.Pointer == place);
        _heap.Free(place);
        neighbour.Verify();
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ARunOfUnitsThatDoesNotBeginItsSuperSlabIsCopiedIntoARun()
    {
        // The second growable run shares the first's SuperSlab.
        Block first = Block.Allocate(_heap, 100 * KiB, 1).Resize(_heap, 140 * KiB, 1);
        Block second = Block.Allocate(_heap, 100 * KiB, 2).Resize(_heap, 140 * KiB, 2);
        Assert.Equal((nuint)first.Pointer & ~(SuperSlab - 1), (nuint)second.Pointer & ~(SuperSlab - 1));
        Block grown = second.Resize(_heap, 3 * MiB, 3);
        Assert.Equal((nuint)0, (nuint)grown.Pointer % SuperSlab);
        first.Verify();
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ARunOfUnitsShrinksInPlaceAndBecomesAClassedBlockBelowItsLeast()
    {
        Block block = Block.Allocate(_heap, 100 * KiB, 1).Resize(_heap, MiB, 2);
        Block shrunk = block.Resize(_heap, 150 * KiB, 3);
        Assert.True(shrunk.Pointer == block.Pointer);
        Assert.Equal(192 * KiB, _heap.UsableSize(shrunk.Pointer));
        Block small = shrunk.Resize(_heap, LargeBlocks.GrowableBytes, 4);
        Assert.Equal(EntryKind.Span, KindAt(small.Pointer));
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ASuperSlabThatBecameARunButCannotGrowIsStillOneBlock()
    {
        Block block = Block.Allocate(_heap, 100 * KiB, 1).Resize(_heap, 2 * MiB, 2);
        _test.Os.RefuseAll(OsCall.Commit);
        Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(block.Pointer, 5 * MiB));
        block.Verify();
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        Assert.Equal(SuperSlab, _heap.UsableSize(block.Pointer));
        _test.Os.RefuseNone();
        block.Resize(_heap, 5 * MiB, 3);
    }

    [Fact]
    public void ALargeAlignmentIsOfTheRun()
    {
        Block.Allocate(_heap, SuperSlab, 1);
        foreach (nuint alignment in new[] { 128 * KiB, 2 * MiB, 4 * MiB, 16 * MiB })
        {
            void* block = _heap.AlignedAlloc(3 * MiB, alignment);
            Assert.Equal((nuint)0, (nuint)block % alignment);
        }
    }

    private EntryKind KindAt(void* address) => PageMapEntry.Decode(*_test.Arena.EntryOf(_test.Arena.UnitOf((nuint)address))).Kind;

    private SuperSlabHeader* Header(void* address) => _test.Arena.Slab(_test.Arena.UnitOf((nuint)address) / Geometry.UnitsPerSlab);

    // Grows a block that cannot grow in place, onto SuperSlabs of which the first ones were in use. Returns where it
    // was.
    private byte* GrowOnto(uint slabs, uint warmSlabs, uint grownSlabs)
    {
        Block block = Block.Allocate(_heap, slabs * SuperSlab, 1);
        Block wall = Block.Allocate(_heap, 2 * SuperSlab, 2);
        Block warm = Block.Allocate(_heap, warmSlabs * SuperSlab, 3);
        _heap.Free(warm.Pointer);
        Block grown = block.Resize(_heap, grownSlabs * SuperSlab, 4);
        Assert.True(grown.Pointer == warm.Pointer);
        wall.Verify();
        grown.Verify();
        return (byte*)block.Pointer;
    }
}
