using System;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Large;

// Runs of whole SuperSlabs.
public sealed unsafe class RunAllocatorTests : IDisposable
{
    private readonly SpanLayer _layer = new(SpanLayer.Ageless);

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void ARunsHeadersNameItsHead()
    {
        Allocate(2);
        int head = Allocate(3);
        Assert.Equal(2, head);
        AssertRun(head, 3);
        Assert.Equal(5, _layer.Runs.SlabCount);
        Assert.Equal(2, _layer.Runs.RunCount);
    }

    [Fact]
    public void ExtendingTakesWhatIsBehind()
    {
        int head = Allocate(2);
        Assert.Equal(ResizeResult.Done, Resize(head, 5));
        AssertRun(head, 5);
        int other = Allocate(1);
        Assert.Equal(5, other);
        Assert.Equal(ResizeResult.NoRoom, Resize(head, 6));
        AssertRun(head, 5);
        Assert.Equal(6, _layer.Runs.SlabCount);
        Assert.Equal(2, _layer.Runs.RunCount);
    }

    [Fact]
    public void ShrinkingGivesBackTheEndAndFreeingTheRest()
    {
        int head = Allocate(4);
        Assert.Equal(ResizeResult.Done, Resize(head, 4));
        Assert.Equal(ResizeResult.Done, Resize(head, 1));
        AssertRun(head, 1);
        Assert.Equal(3, _layer.Cache.CachedCount);
        Assert.Equal(1, _layer.Runs.RunCount);
        Assert.True(TryFree(head));
        Assert.Equal(4, _layer.Cache.CachedCount);
        Assert.Equal(0, _layer.Runs.RunCount);
        Assert.Equal(0, _layer.Runs.SlabCount);

        // There is no such run any more.
        Assert.False(TryFree(head));
        Assert.Equal(ResizeResult.NotThere, Resize(head, 1));
        Assert.Equal(0, _layer.Runs.SlabCount);
    }

    [Fact]
    public void ARunThatIsHeldIsNotThereForOthers()
    {
        Assert.True(_layer.Runs.TryAllocate(2, 1, out int head));
        Assert.False(TryFree(head));
        Assert.Equal(ResizeResult.NotThere, Resize(head, 1));
        _layer.Runs.HandOut(head, 128);

        // Nor for an address that is not the block's.
        Assert.False(TryFree(head));
        Assert.True(_layer.Runs.TryFree(head, _layer.Test.AddressOf(head) + 128));
        Assert.Equal(0, _layer.Runs.OffsetBytes);
    }

    [Fact]
    public void AFreedRunsFirstSuperSlabIsUsedFirst()
    {
        int head = Allocate(3);
        _layer.Runs.Free(head);
        Assert.Equal(head, _layer.Take());
    }

    [Fact]
    public void ClearLeavesAloneWhatIsKnownToBeZero()
    {
        int head = Allocate(2);
        byte* memory = _layer.Test.AddressOf(head);
        new Span<byte>(memory, 2 * Geometry.SlabBytes).Fill(0xEE);

        // The run is new, so nothing is stale: had it cleared, what was written since would be gone.
        _layer.Runs.Clear(head, 2 * Geometry.SlabBytes);
        Assert.Equal(-1, new ReadOnlySpan<byte>(memory, 2 * Geometry.SlabBytes).IndexOfAnyExcept((byte)0xEE));

        // One stale unit in the first and one in the second, the latter only in part below the size.
        _layer.Arena.Slab(head)->StaleUnits = 1u << 3;
        _layer.Arena.Slab(head + 1)->StaleUnits = 1u << 1;
        const int Bytes = Geometry.SlabBytes + Geometry.UnitBytes + 1_000;
        _layer.Runs.Clear(head, Bytes);
        for (int offset = 0; offset < 2 * Geometry.SlabBytes; offset++)
        {
            int unit = offset / Geometry.UnitBytes;
            bool isCleared = unit == 3 || (unit == 33 && offset < Bytes);
            if ((memory[offset] == 0) != isCleared)
            {
                Assert.Fail($"Offset {offset} is {memory[offset]}.");
            }
        }
    }

    [Fact]
    public void AReusedRunsStaleUnitsAreThoseThatWereUsed()
    {
        // One dirty SuperSlab in the cache, and new ones behind it.
        int used = Allocate(1);
        _layer.Runs.Free(used);
        int head = Allocate(3);
        Assert.Equal(used, head);
        Assert.Equal(UnitMask.All, _layer.Arena.Slab(head)->StaleUnits);
        Assert.Equal(0u, _layer.Arena.Slab(head + 1)->StaleUnits);
    }

    [Fact]
    public void RunIsWarmFromHalfOfItsUnitsOn()
    {
        int used = Allocate(2);
        Assert.False(_layer.Runs.IsWarm(used, 1));
        _layer.Runs.Free(used);
        int head = Allocate(5);
        Assert.Equal(used, head);
        Assert.True(_layer.Runs.IsWarm(head, 2));
        Assert.True(_layer.Runs.IsWarm(head, 4));
        Assert.False(_layer.Runs.IsWarm(head, 5));
        Assert.False(_layer.Runs.IsWarm(head + 2, 1));
    }

    [Fact]
    [Needs(SystemNeed.MovesPages)]
    public void MovedPagesTakeTheirContentsAndLeaveACleanRun()
    {
        int from = Allocate(2);
        int to = Allocate(4);
        Pattern.Fill(_layer.Test.AddressOf(from), 2 * Geometry.SlabBytes, 1);
        Assert.True(_layer.Runs.TryMovePages(from, to, 2));
        Pattern.Verify(_layer.Test.AddressOf(to), 2 * Geometry.SlabBytes, 1);
        Assert.Equal(0u, _layer.Arena.Slab(from)->DirtyUnits | _layer.Arena.Slab(from + 1)->DirtyUnits);
        Assert.Equal(UnitMask.All, _layer.Arena.Slab(to)->DirtyUnits);
        _layer.Runs.Free(from);
        int again = Allocate(2);
        Assert.Equal(from, again);
        Pattern.VerifyZero(_layer.Test.AddressOf(again), 2 * Geometry.SlabBytes);
    }

    [Fact]
    public void ARefusedMoveLeavesTheRunDirty()
    {
        int from = Allocate(2);
        int to = Allocate(2);
        _layer.Os.RefuseAll(OsCall.Move);
        Assert.False(_layer.Runs.TryMovePages(from, to, 2));
        Assert.Equal(UnitMask.All, _layer.Arena.Slab(from)->DirtyUnits);
    }

    [Fact]
    public void ASuperSlabThatOneUnitRunFillsBecomesARun()
    {
        Assert.True(_layer.Units.TryAllocateRun(30, out int unit));
        int slab = unit / Geometry.UnitsPerSlab;
        Assert.Equal(ResizeResult.Done, _layer.Runs.TryAdopt(slab, _layer.Units, 1));
        AssertRun(slab, 1);
        Assert.Equal(1, _layer.Runs.RunCount);

        // It is out of the unit allocator's lists: the next units come from elsewhere, and it can be freed as a run.
        Assert.True(_layer.Units.TryAllocate(1, isGrowable: false, out int next, out _));
        Assert.NotEqual(slab, next / Geometry.UnitsPerSlab);
        Assert.True(TryFree(slab));
        Assert.Equal(1, _layer.Cache.CachedCount);
    }

    private int Allocate(int count)
    {
        Assert.True(_layer.Runs.TryAllocate(count, 1, out int head));
        _layer.Runs.HandOut(head, 0);
        return head;
    }

    private bool TryFree(int head) => _layer.Runs.TryFree(head, _layer.Test.AddressOf(head));

    private ResizeResult Resize(int head, int newCount) => _layer.Runs.TryResize(head, _layer.Test.AddressOf(head), newCount);

    private void AssertRun(int head, int count)
    {
        Assert.Equal(count, _layer.Arena.Slab(head)->RunSlabs);
        for (int slab = head; slab < head + count; slab++)
        {
            Assert.Equal(slab == head ? SuperSlabState.RunHead : SuperSlabState.RunBody, _layer.Arena.Slab(slab)->State);
            Assert.Equal(head, _layer.Arena.Slab(slab)->RunHead);
        }
    }
}
