using System;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Heaps;

// The audit that other tests end with: a heap at rest passes, and each kind of record that it adds to Verify is looked at.
public sealed unsafe class ArenaAuditTests : IDisposable
{
    private readonly TestArena _test = new();
    private readonly HakmemAllocator _heap;
    private readonly byte* _small;
    private readonly byte* _run;
    private readonly byte* _growable;
    private readonly int _returned;

    public ArenaAuditTests()
    {
        _heap = new HakmemAllocator(new HakmemOptions { LazyZero = LazyZeroMode.Off }, _test.Arena);
        _small = (byte*)_heap.Alloc(1_000);
        _run = (byte*)_heap.Alloc(5 << 20);
        _growable = (byte*)_heap.Realloc(_heap.Alloc(70 << 10), 200 << 10);
        byte* returned = (byte*)_heap.Alloc(3 << 20);
        _returned = _test.Arena.UnitOf((nuint)returned);
        _heap.Free(returned);
        _heap.Trim();
    }

    private Arena Arena => _test.Arena;

    private SuperSlabHeader* Run => Arena.Slab(Arena.UnitOf((nuint)_run) >> Geometry.UnitsPerSlabShift);

    public void Dispose()
    {
        _heap.Dispose();
        _test.Dispose();
    }

    [Fact]
    public void WhatVerifyFindsIsFound() =>
        AssertFound(ref Arena.Span(Arena.UnitOf(PageMapEntry.Decode(Arena.EntryOf(_small)).Address))->FreeCount, 0);

    [Fact]
    public void ARunThatIsHeldIsFound() => AssertFound(ref Run->IsHeld, true);

    [Fact]
    public void AGrowableRunThatIsHeldIsFound() => AssertFound(ref Arena.Span(Arena.UnitOf((nuint)_growable))->IsHeld, true);

    [Fact]
    public void ARunThatIsCleanIsFound() => AssertFound(ref Run->DirtyUnits, 1u);

    [Fact]
    public void BytesThatTheStatisticsDoNotHaveAreFound() => AssertFound(ref Run->RunOffsetBytes, Run->RunOffsetBytes + 64);

    [Fact]
    public void AnEntryOfAReturnedSuperSlabIsFound() => AssertFound(ref *Arena.EntryOf(_returned), *Arena.EntryOf(Arena.UnitOf((nuint)_small)));

    // Damages a record, expects the audit to fail, and repairs it.
    private void AssertFound<T>(ref T record, T damaged)
    {
        ArenaAudit.Check(_heap);
        T before = record;
        record = damaged;
        Exception? found = Record.Exception(() => ArenaAudit.Check(_heap));
        record = before;
        Assert.NotNull(found);
        ArenaAudit.Check(_heap);
    }
}
