using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Hakmem.Guarded;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Support;

// Walks all records of an arena that one heap is alone in, and checks that they agree with each other and with the heap's statistics.
// Only while no thread is in the heap.
internal sealed unsafe class ArenaAudit
{
    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly Arena _arena;
    private readonly List<int> _spans = [];
    private readonly List<int> _unitSlabs = [];
    private readonly List<int> _cached = [];
    private long _runSlabs;
    private long _runOffsetBytes;
    private long _dirtyUnits;
    private long _unitRunUnits;
    private long _guardedSlabs;
    private long _guardedBytes;

    private ArenaAudit(Arena arena) => _arena = arena;

    // Every record of the arena, then the totals.
    public static void Check(Arena arena, HakmemStatistics statistics)
    {
        ArenaAudit audit = new(arena);
        int slabs = Enumerable.Range(0, arena.SlabCount).Count(slab => arena.HasTables((nuint)slab << Geometry.SlabShift));
        for (int slab = 0; slab < slabs; slab++)
        {
            slab += audit.CheckSlab(slab) - 1;
        }

        audit.CheckSpanLists();
        audit.CheckSlabLists();
        audit.CheckTotals(statistics);
    }

    // Gives how many SuperSlabs it looked at: those of a run together.
    private int CheckSlab(int slab)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        switch (header->State)
        {
            case SuperSlabState.Untaken:
                AssertNoEntries(slab);
                return 1;
            case SuperSlabState.Cached:
                AssertNoEntries(slab);
                Assert.Equal(UnitMask.All, header->FreeUnits);
                _cached.Add(slab);
                _dirtyUnits += BitOperations.PopCount(header->DirtyUnits);
                return 1;
            case SuperSlabState.Spans:
                CheckUnits(slab, header);
                return 1;
            case SuperSlabState.RunHead:
                CheckRun(slab, header->RunSlabs);
                _runOffsetBytes += header->RunOffsetBytes;
                return header->RunSlabs;
            default:
                throw new InvalidOperationException($"SuperSlab {slab} is {header->State} outside any run or purge.");
        }
    }

    private void CheckRun(int head, int count)
    {
        Assert.True(count >= 1);
        for (int slab = head; slab < head + count; slab++)
        {
            SuperSlabHeader* header = _arena.Slab(slab);
            Assert.Equal(slab == head ? SuperSlabState.RunHead : SuperSlabState.RunBody, header->State);
            Assert.Equal(head, header->RunHead);
            Assert.Equal(UnitMask.All, header->DirtyUnits);
            Assert.False(slab == head && header->IsHeld);
            if (EntryAt(head << Geometry.UnitsPerSlabShift).Kind != EntryKind.Guarded)
            {
                AssertNoEntries(slab);
                continue;
            }

            ulong entry = PageMapEntry.ForRange(EntryKind.Guarded, (nuint)_arena.AddressOfSlab(head));
            Assert.Equal(-1, EntriesOf(slab).IndexOfAnyExcept(entry));
            if (slab == head)
            {
                CheckGuarded(head << Geometry.UnitsPerSlabShift, (nuint)count << Geometry.SlabShift);
                _guardedSlabs += count;
            }
        }

        _runSlabs += count;
        _dirtyUnits += (long)count * Geometry.UnitsPerSlab;
    }

    private void CheckUnits(int slab, SuperSlabHeader* header)
    {
        Assert.NotEqual(UnitMask.All, header->FreeUnits);
        Assert.Equal(0u, ~header->FreeUnits & ~header->DirtyUnits);
        _unitSlabs.Add(slab);
        _dirtyUnits += BitOperations.PopCount(header->DirtyUnits);
        int first = slab << Geometry.UnitsPerSlabShift;
        for (int unit = first; unit < first + Geometry.UnitsPerSlab;)
        {
            ulong entry = *_arena.EntryOf(unit);
            bool isFree = (header->FreeUnits & (1u << (unit - first))) != 0;
            Assert.True(isFree == (entry == 0), $"Unit {unit} is {(isFree ? "free" : "taken")}, and its entry 0x{entry:x}.");
            if (isFree)
            {
                unit++;
                continue;
            }

            // The walk goes from head to head, so any unit it comes to begins a span or run.
            DecodedEntry decoded = EntryAt(unit);
            Assert.Equal((nuint)_arena.AddressOfUnit(unit), decoded.Address);
            int count = _arena.Span(unit)->UnitCount;
            Assert.InRange(count, 1, first + Geometry.UnitsPerSlab - unit);
            for (int other = unit; other < unit + count; other++)
            {
                Assert.Equal(entry, *_arena.EntryOf(other));
            }

            bool isKnown = decoded.Kind switch
            {
                EntryKind.None => false,
                EntryKind.Span => CheckSpan(unit, decoded, header->HeapSlot),
                EntryKind.UnitRun => CheckUnitRun(unit, count),
                EntryKind.Guarded => CheckGuarded(unit, (nuint)count << Geometry.UnitShift),
            };
            Assert.True(isKnown);
            unit += count;
        }
    }

    private bool CheckUnitRun(int unit, int count)
    {
        Assert.False(_arena.Span(unit)->IsHeld);
        _unitRunUnits += count;
        return true;
    }

    private bool CheckGuarded(int unit, nuint rangeBytes)
    {
        GuardedBlock* block = (GuardedBlock*)_arena.Span(unit)->Guard;
        Assert.True(block != null);
        Assert.True(block->Range == _arena.AddressOfUnit(unit));
        Assert.Equal(rangeBytes, block->RangeBytes);
        Assert.InRange(block->Address, (nuint)block->Range + block->DataBegin, (nuint)block->Range + block->DataEnd - block->Bytes);
        Assert.True(block->DataEnd + _arena.Os.PageSize <= rangeBytes);
        _guardedBytes += (long)block->Bytes;
        return true;
    }

    private bool CheckSpan(int unit, DecodedEntry entry, int heapSlot)
    {
        Assert.Equal(heapSlot, entry.HeapSlot);
        SizeClassInfo info = s_classes[entry.SizeClass];
        SpanHeader* span = _arena.Span(unit);
        Assert.Equal(info.SpanUnits, span->UnitCount);
        Assert.InRange(span->Carved, 1, info.BlocksPerSpan);
        int bits = 0;
        for (int word = 0; word < (info.BlocksPerSpan + 63) / 64; word++)
        {
            ulong value = _arena.Bitmap(unit)[word];
            bits += BitOperations.PopCount(value);
            Assert.True(value == 0 || word >= span->FirstFreeWord, $"The span at unit {unit} has a free block before its first free word.");
            Assert.True(
                value == 0 || (word * 64) + BitOperations.Log2(value) < span->Carved, $"The span at unit {unit} has a free block that was never out.");
        }

        Assert.Equal(bits + info.BlocksPerSpan - span->Carved, span->FreeCount);
        Assert.True(span->FreeCount < info.BlocksPerSpan, $"The span at unit {unit} is empty, but still there.");
        _spans.Add(unit);
        return true;
    }

    // The spans of one class that have free blocks form one list.
    private void CheckSpanLists()
    {
        foreach (IGrouping<int, int> spans in _spans.GroupBy(unit => EntryAt(unit).SizeClass))
        {
            int[] partial = [.. spans.Where(unit => _arena.Span(unit)->FreeCount > 0)];
            AssertOneList(partial, unit => _arena.Span(unit)->Next, unit => _arena.Span(unit)->Previous);
        }
    }

    private void CheckSlabLists()
    {
        foreach (IGrouping<int, int> slabs in _unitSlabs.GroupBy(slab => UnitMask.LongestRun(_arena.Slab(slab)->FreeUnits)))
        {
            AssertOneList([.. slabs], slab => _arena.Slab(slab)->Next, slab => _arena.Slab(slab)->Previous);
        }

        foreach (IGrouping<bool, int> slabs in _cached.GroupBy(slab => _arena.Slab(slab)->DirtyUnits != 0))
        {
            AssertOneList([.. slabs], slab => _arena.Slab(slab)->Next, slab => _arena.Slab(slab)->Previous);
        }
    }

    private void CheckTotals(HakmemStatistics statistics)
    {
        long blockBytes = _spans.Sum(unit =>
        {
            SizeClassInfo info = s_classes[EntryAt(unit).SizeClass];
            return (long)(info.BlocksPerSpan - _arena.Span(unit)->FreeCount) * info.BlockBytes;
        });
        long largeBytes = _guardedBytes + ((_runSlabs - _guardedSlabs) << Geometry.SlabShift) + (_unitRunUnits << Geometry.UnitShift) - _runOffsetBytes;
        Assert.Equal(blockBytes + largeBytes, statistics.LiveBytes + statistics.CachedBytes);
        Assert.Equal(_spans.Count, statistics.SizeClasses.Sum(row => row.Spans));
        Assert.Equal(_cached.Count, statistics.SuperSlabsCached);
        Assert.Equal(_unitSlabs.Count + _runSlabs, statistics.SuperSlabsInUse);
        Assert.Equal((_cached.Count + _unitSlabs.Count + _runSlabs) << Geometry.SlabShift, statistics.CommittedBytes);
        Assert.Equal(_dirtyUnits << Geometry.UnitShift, statistics.DirtyBytes);
    }

    private DecodedEntry EntryAt(int unit) => PageMapEntry.Decode(*_arena.EntryOf(unit));

    private void AssertNoEntries(int slab) =>
        Assert.Equal(-1, EntriesOf(slab).IndexOfAnyExcept(0UL));

    private ReadOnlySpan<ulong> EntriesOf(int slab) => new(_arena.EntryOf(slab << Geometry.UnitsPerSlabShift), Geometry.UnitsPerSlab);

    private static void AssertOneList(int[] members, Func<int, int> next, Func<int, int> previous)
    {
        if (members.Length == 0)
        {
            return;
        }

        int expectedPrevious = -1;
        int seen = 0;
        for (int member = Assert.Single(members, each => previous(each) < 0); member >= 0; member = next(member))
        {
            Assert.Equal(expectedPrevious, previous(member));
            Assert.Contains(member, members);
            Assert.True(++seen <= members.Length, "A list goes in a circle.");
            expectedPrevious = member;
        }

        Assert.Equal(members.Length, seen);
    }
}
