using System;
using System.Threading;
using Hakmem.Records;

namespace Hakmem.Scale.Counts;

/// <summary>
/// For each cache line of the arena the lane that wrote it last, for each block the lane that allocated it last, and
/// for each 16 bytes the lane that has a block there. By the number of the lane; 0 for none.
/// </summary>
/// <remarks>
/// Threads read and write it without a lock. Two threads that write one line at the same moment may both find the same
/// last writer: the count of lines is then one too low, and the next write counts.
/// </remarks>
internal static class OwnerTable
{
    private const int LineShift = 6;
    private const int LineBytes = 1 << LineShift;
    private const int GranuleShift = 4;
    private const int GranulesPerLine = LineBytes >> GranuleShift;

    // An arena has at most 1 TiB, so its SuperSlabs have different places by their lowest 20 bits.
    private const int PlaceBits = 20;

    private static readonly SlabOwners?[] s_slabs = new SlabOwners?[1 << PlaceBits];

    /// <summary>The lane that wrote the line of an address last.</summary>
    public static ref ushort LineOwner(nuint address) =>
        ref SlabOf(address).Lines[(address & (Geometry.SlabBytes - 1)) >> LineShift];

    /// <summary>The lane that allocated the block at an address last.</summary>
    public static ref ushort BlockOwner(nuint address) =>
        ref SlabOf(address).Blocks[(address & (Geometry.SlabBytes - 1)) >> GranuleShift];

    /// <summary>Whether another lane than one has a block in the line of an address.</summary>
    public static bool HasBlockOfAnother(nuint address, ushort lane)
    {
        Span<ushort> holders = HoldersOfLine(address);
        return holders.ContainsAnyExcept((ushort)0, lane);
    }

    /// <summary>Notes that a lane, or none, has a block, in its first and its last line: no other is shared.</summary>
    public static void SetHolder(nuint address, nuint byteCount, ushort lane)
    {
        nuint end = address + byteCount;
        nuint firstEnd = Math.Min(end, (address | (LineBytes - 1)) + 1);
        nuint lastStart = Math.Max(firstEnd, (end - 1) & ~(nuint)(LineBytes - 1));
        Fill(address, firstEnd, lane);
        Fill(lastStart, end, lane);
    }

    private static void Fill(nuint start, nuint end, ushort lane)
    {
        if (start < end)
        {
            int first = (int)((start & (LineBytes - 1)) >> GranuleShift);
            HoldersOfLine(start).Slice(first, (int)((end - start) >> GranuleShift)).Fill(lane);
        }
    }

    private static Span<ushort> HoldersOfLine(nuint address)
    {
        int first = (int)((address & (Geometry.SlabBytes - 1)) >> LineShift) * GranulesPerLine;
        return SlabOf(address).Holders.AsSpan(first, GranulesPerLine);
    }

    private static SlabOwners SlabOf(nuint address)
    {
        ref SlabOwners? slab = ref s_slabs[(address >> Geometry.SlabShift) & ((1 << PlaceBits) - 1)];
        return Volatile.Read(ref slab) ?? Add(ref slab);
    }

    private static SlabOwners Add(ref SlabOwners? slab)
    {
        SlabOwners created = new();
        return Interlocked.CompareExchange(ref slab, created, null) ?? created;
    }

    private sealed class SlabOwners
    {
        public readonly ushort[] Lines = new ushort[Geometry.SlabBytes >> LineShift];

        public readonly ushort[] Blocks = new ushort[Geometry.SlabBytes >> GranuleShift];

        public readonly ushort[] Holders = new ushort[Geometry.SlabBytes >> GranuleShift];
    }
}
