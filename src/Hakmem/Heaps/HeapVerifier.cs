using System;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// Checks a heap's records against each other: SuperSlabs, page map, units, runs and lists under the SuperSlab lock,
// then the spans of each size class under its depot's lock. Other threads change them under these locks only, so their
// calls break no rule; a span that is closed in between is not checked.
//
// Thread-safe. Called under the decay's lock, so that no reaper and no timed purge runs.
internal static unsafe class HeapVerifier
{
    // The room for SuperSlabs that the heap adds during a check.
    public const int SpareSlabs = 64;

    public static void Verify(
        HeapCheck check, Arena arena, SuperSlabCache superSlabs, UnitAllocator units, DepotSet depots, BlockKinds kinds)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            int divided = 0;
            int runUnits = 0;
            for (int slab = superSlabs.NextOwned(0); slab >= 0; slab = superSlabs.NextOwned(slab + 1))
            {
                check.SuperSlabs++;
                if (arena.Slab(slab)->State == SuperSlabState.Spans)
                {
                    divided++;
                    runUnits += VerifyUnits(check, arena, slab, kinds);
                }
                else
                {
                    VerifySlab(check, arena, superSlabs, slab, kinds);
                }
            }

            superSlabs.VerifyEmpty(check);
            units.Verify(check, divided);
            units.VerifyRuns(check, runUnits);
        }

        for (int sizeClass = 0; sizeClass < depots.Count; sizeClass++)
        {
            depots.Find(sizeClass)?.Verify(check, sizeClass);
        }
    }

    private static void VerifySlab(HeapCheck check, Arena arena, SuperSlabCache superSlabs, int slab, BlockKinds kinds)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        nuint address = (nuint)arena.AddressOfSlab(slab);
        switch (header->State)
        {
            case SuperSlabState.RunHead:
                VerifyRun(check, arena, superSlabs, slab, kinds);
                break;
            case SuperSlabState.RunBody:
                int head = header->RunHead;
                bool isCovered = head >= 0 && head < slab && superSlabs.IsOwned(head) &&
                    arena.Slab(head)->State == SuperSlabState.RunHead && head + arena.Slab(head)->RunSlabs > slab;
                check.Require(isCovered, "a RunBody belongs to the run that its head says", address, head);
                break;
            case SuperSlabState.Cached:
                check.Require(superSlabs.IsCached(slab), "a Cached SuperSlab is in the set of empty ones", address);
                RequireNoEntries(check, arena, slab);
                break;
            case SuperSlabState.Purging:
                RequireNoEntries(check, arena, slab);
                break;
            default:
                check.Require(
                    false, "a heap's SuperSlab has a state in which a heap owns it", address, (long)header->State);
                break;
        }
    }

    private static void VerifyRun(HeapCheck check, Arena arena, SuperSlabCache superSlabs, int head, BlockKinds kinds)
    {
        nuint address = (nuint)arena.AddressOfSlab(head);
        int count = arena.Slab(head)->RunSlabs;
        bool isCounted = count >= 1 && count <= arena.SlabCount - head;
        check.Require(isCounted, "a run has at least one SuperSlab", address, count);
        int ownHead = arena.Slab(head)->RunHead;
        check.Require(ownHead == head, "a RunHead is its own head", address, ownHead);
        for (int slab = head + 1; slab < head + count && slab < arena.SlabCount; slab++)
        {
            bool isBody = superSlabs.IsOwned(slab) && arena.Slab(slab)->State == SuperSlabState.RunBody &&
                arena.Slab(slab)->RunHead == head;
            check.Require(isBody, "a run's SuperSlabs are its own", (nuint)arena.AddressOfSlab(slab));
        }

        int unit = head << Geometry.UnitsPerSlabShift;
        DecodedEntry entry = PageMapEntry.Decode(*arena.EntryOf(unit));
        kinds.Of(entry).Verify(check, unit, entry, Math.Max(count, 0) << Geometry.UnitsPerSlabShift);
    }

    // Returns the number of units in growable runs and guarded ranges.
    private static int VerifyUnits(HeapCheck check, Arena arena, int slab, BlockKinds kinds)
    {
        int runUnits = 0;
        SuperSlabHeader* header = arena.Slab(slab);
        nuint address = (nuint)arena.AddressOfSlab(slab);
        uint taken = ~header->FreeUnits;
        check.Require(taken != 0, "a SuperSlab whose units are all free is Cached", address, header->FreeUnits);
        uint clean = taken & ~header->DirtyUnits;
        check.Require(clean == 0, "a taken unit counts as dirty", address, clean);
        int first = slab << Geometry.UnitsPerSlabShift;
        for (int unit = first; unit < first + Geometry.UnitsPerSlab; unit++)
        {
            DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *arena.EntryOf(unit)));
            nuint unitAddress = (nuint)arena.AddressOfUnit(unit);
            if ((taken & (1u << (unit - first))) == 0)
            {
                check.Require(
                    entry.Kind == EntryKind.None, "a free unit has no page-map entry", unitAddress, (long)entry.Kind);
            }
            else if (entry.Kind != EntryKind.None && entry.Address == unitAddress)
            {
                int count = arena.Span(unit)->UnitCount;
                int room = first + Geometry.UnitsPerSlab - unit;
                uint mask = count is > 0 && count <= room ? UnitMask.Of(unit - first, count) : 0;
                bool isTaken = mask != 0 && (taken & mask) == mask;
                check.Require(isTaken, "a span, run or range lies in taken units of one SuperSlab", unitAddress, count);
                if (mask != 0)
                {
                    kinds.Of(entry).Verify(check, unit, entry, count);
                    runUnits += entry.Kind == EntryKind.Span ? 0 : count;
                }
            }
        }

        return runUnits;
    }

    private static void RequireNoEntries(HeapCheck check, Arena arena, int slab)
    {
        ulong* entries = arena.EntryOf(slab << Geometry.UnitsPerSlabShift);
        nuint address = (nuint)arena.AddressOfSlab(slab);
        for (int i = 0; i < Geometry.UnitsPerSlab; i++)
        {
            check.Require(entries[i] == 0, "an empty SuperSlab has no page-map entries", address, (long)entries[i]);
        }
    }
}
