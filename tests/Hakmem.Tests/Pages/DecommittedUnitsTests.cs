using System;
using System.Linq;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

// Where a discard decommits: purged units of SuperSlabs in use come back before they are handed out, or not at all.
public sealed unsafe class DecommittedUnitsTests : IDisposable
{
    private readonly SpanLayer _layer = new(SpanLayer.Ageless, ChargingMemory.Create());

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void PurgedUnitsLoseTheirCharge()
    {
        int[] runs = AllocateFilled(4, 8);
        _layer.Units.Free(runs[1], 4);
        _layer.Units.Free(runs[4], 4);
        DiscardFreeUnits();
        Assert.Equal(UnitMask.Of(4, 4) | UnitMask.Of(16, 4), _layer.Arena.Slab(0)->UncommittedUnits);
        Assert.Equal(Geometry.SlabBytes - (8 * Geometry.UnitBytes), _layer.Test.CommittedBytes);

        // Once only.
        _layer.Os.ForgetCalls();
        DiscardFreeUnits();
        Assert.Empty(_layer.Os.Calls);
    }

    [Fact]
    public void ReusedUnitsAreCommittedAndZero()
    {
        PurgeThird();
        Assert.True(_layer.Units.TryAllocate(2, isGrowable: false, out int unit, out bool isFresh));
        Assert.Equal(8, unit);
        Assert.True(isFresh);
        AssertZero(unit, 2);
        Assert.Equal(UnitMask.Of(10, 2), _layer.Arena.Slab(0)->UncommittedUnits);
        Assert.Equal(Geometry.SlabBytes - (2 * Geometry.UnitBytes), _layer.Test.CommittedBytes);
    }

    [Fact]
    public void RefusedCommitLeavesTheUnitsFree()
    {
        PurgeThird();
        _layer.Os.RefuseAll(OsCall.Commit);
        Assert.False(_layer.Units.TryAllocate(3, isGrowable: false, out _, out _));
        Assert.Equal(UnitMask.Of(8, 4), _layer.Arena.Slab(0)->FreeUnits);
        Verify();
        _layer.Os.RefuseNone();
        Assert.True(_layer.Units.TryAllocate(3, isGrowable: false, out int unit, out _));
        Assert.Equal(8, unit);
        AssertZero(unit, 3);
    }

    [Fact]
    public void RunGrowsOverPurgedUnits()
    {
        Assert.True(_layer.Units.TryAllocateRun(4, out int run));
        int behind = AllocateFilled(4, 1)[0];
        Assert.Equal(run + 4, behind);
        _layer.Units.Free(behind, 4);
        DiscardFreeUnits();
        _layer.Os.RefuseAll(OsCall.Commit);
        Assert.Equal(ResizeResult.NoRoom, _layer.Units.TryResizeRun(run, 6));
        _layer.Os.RefuseNone();
        Assert.Equal(ResizeResult.Done, _layer.Units.TryResizeRun(run, 6));
        AssertZero(run + 4, 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EmptySuperSlabIsCommittedWhenTaken(bool isRun)
    {
        int[] runs = AllocateFilled(16, 2);
        _layer.Units.Free(runs[1], 16);
        DiscardFreeUnits();
        _layer.Units.Free(runs[0], 16);
        Assert.Equal(1, _layer.Cache.CachedCount);
        _layer.Os.RefuseAll(OsCall.Commit);
        Assert.False(TryTakeAll(isRun));
        Assert.Equal(1, _layer.Cache.CachedCount);
        _layer.Os.RefuseNone();
        Assert.True(TryTakeAll(isRun));
        Assert.Equal(0u, _layer.Arena.Slab(0)->UncommittedUnits);
        Assert.Equal(Geometry.SlabBytes, _layer.Test.CommittedBytes);
        new Span<byte>(_layer.Arena.AddressOfSlab(0), Geometry.SlabBytes).Fill(0x77);
    }

    // The newest of the empty ones was purged while it was in use, and the system has no room to commit that again.
    [Fact]
    public void AWholeSuperSlabIsTakenWhereAnotherCannotBeCommitted()
    {
        int whole = AllocateFilled(32, 1)[0];
        int[] runs = AllocateFilled(16, 2);
        _layer.Units.Free(runs[1], 16);
        DiscardFreeUnits();
        _layer.Units.Free(whole, 32);
        _layer.Units.Free(runs[0], 16);
        Assert.Equal(2, _layer.Cache.CachedCount);
        _layer.Os.RefuseAll(OsCall.Commit);
        Assert.Equal(whole, Allocate(32));
        Assert.Equal(1, _layer.Cache.CachedCount);
        Assert.False(TryTakeAll(isRun: false));
        _layer.Os.RefuseNone();
        Assert.True(TryTakeAll(isRun: false));
    }

    [Fact]
    public void PurgedEmptySuperSlabIsReleased()
    {
        using TestArena test = new(real: ChargingMemory.Create());
        using HakmemAllocator heap = new(new HakmemOptions { LazyZero = LazyZeroMode.Immediate }, test.Arena);
        void* block = heap.Alloc(3 << 20);
        Assert.NotEqual(0, test.CommittedBytes);
        heap.Free(block);
        Assert.Equal(0, heap.GetStatistics().SuperSlabsCached);
        Assert.Equal(0, test.CommittedBytes);

        // What is handed out next is committed.
        new Span<byte>(heap.Alloc(3 << 20), 3 << 20).Fill(0x77);
    }

    [Fact]
    public void GuardedBlocksAreSealedByDecommitting()
    {
        using TestArena test = new(real: ChargingMemory.Create());
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = 1 }, test.Arena);
        for (int i = 0; i < 100; i++)
        {
            byte* block = (byte*)heap.Alloc(5_000);
            new Span<byte>(block, 5_000).Fill(0x3C);
            heap.Free(block);
        }

        heap.Trim();
        Assert.True(heap.Verify().IsSound, heap.Verify().ToString());
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ResetRecordsAreZeroWhenReused()
    {
        using FaultyMemory os = new(ChargingMemory.Create());
        MetadataAllocator metadata = new(os);
        nint[] records = [.. Enumerable.Range(0, 64).Select(_ => (nint)metadata.TryAllocate(MetadataAllocator.MaxRecordBytes))];
        foreach (nint record in records)
        {
            new Span<byte>((void*)record, MetadataAllocator.MaxRecordBytes).Fill(0xA5);
            metadata.Free((void*)record, MetadataAllocator.MaxRecordBytes);
        }

        metadata.Trim();
        foreach (int _ in Enumerable.Range(0, records.Length))
        {
            Span<byte> again = new(metadata.TryAllocate(MetadataAllocator.MaxRecordBytes), MetadataAllocator.MaxRecordBytes);
            Assert.Equal(-1, again.IndexOfAnyExcept((byte)0));
        }

        os.AssertNoViolation();
    }

    // Else whoever has the SuperSlab next could free what it never handed out.
    [Fact]
    public void ReleasedSuperSlabHasNoLiveBlocks()
    {
        using TestArena test = new(real: ChargingMemory.Create());
        LiveTable? table = LiveTable.TryCreate(test.Os, test.Arena.Base, 2);
        Assert.True(table is not null && table.TryCommit(0, 2));
        byte* released = test.AddressOf(0) + (5 * Geometry.UnitBytes);
        byte* kept = test.AddressOf(1);
        LiveTable.Begin(table.Origin, released);
        LiveTable.Begin(table.Origin, kept);
        table.Discard(0, 1);
        Assert.False(LiveTable.IsLive(table.Origin, released));
        Assert.True(LiveTable.IsLive(table.Origin, kept));
        table.Release();
    }

    // A page map for 1 TiB would be 128 MiB of charge.
    [Fact]
    public void ChargeBeforeTheFirstBlockIsSmall()
    {
        using FaultyMemory os = new(ChargingMemory.Create());
        Arena arena = new(os);
        using (HakmemAllocator heap = new(new HakmemOptions(), arena))
        {
            heap.Free(heap.Alloc(100));
            HakmemStatistics statistics = heap.GetStatistics();
            Assert.Equal(Arena.MinMappedBytes / Geometry.UnitBytes * sizeof(ulong), arena.PageMapBytes);
            Assert.InRange(statistics.TableBytes, arena.PageMapBytes, arena.PageMapBytes + (2 << 20));
            Assert.InRange(statistics.TableBytes + statistics.RecordBytes + statistics.CommittedBytes, 0, 16 << 20);
        }

        os.AssertNoViolation();
    }

    private int[] AllocateFilled(int units, int count)
    {
        int[] runs = [.. Enumerable.Range(0, count).Select(_ => Allocate(units))];
        foreach (int run in runs)
        {
            new Span<byte>(_layer.Arena.AddressOfUnit(run), units * Geometry.UnitBytes).Fill(0xEE);
        }

        return runs;
    }

    // Units 8 to 11 of a SuperSlab of eight runs.
    private void PurgeThird()
    {
        int[] runs = AllocateFilled(4, 8);
        _layer.Units.Free(runs[2], 4);
        DiscardFreeUnits();
        Assert.Equal(UnitMask.Of(8, 4), _layer.Arena.Slab(0)->UncommittedUnits);
    }

    private int Allocate(int units)
    {
        Assert.True(_layer.Units.TryAllocate(units, isGrowable: false, out int unit, out _));
        return unit;
    }

    private bool TryTakeAll(bool isRun) => isRun
        ? _layer.Runs.TryAllocate(1, 1, out _)
        : _layer.Units.TryAllocate(32, isGrowable: false, out _, out _);

    private void AssertZero(int unit, int count) =>
        Pattern.VerifyZero(_layer.Arena.AddressOfUnit(unit), (nuint)count * Geometry.UnitBytes);

    private void DiscardFreeUnits()
    {
        using (_layer.Cache.SyncRoot.Enter())
        {
            _layer.Units.DiscardFreeUnits();
        }
    }

    private void Verify()
    {
        HeapCheck check = new(Geometry.UnitsPerSlab);
        using (_layer.Cache.SyncRoot.Enter())
        {
            _layer.Units.Verify(check, 1);
        }

        Assert.Empty(check.Describe());
    }
}
