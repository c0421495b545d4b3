using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Pages;

// The header of a chunk of MetadataAllocator: which of its blocks are free, by size. Guarded by that class's lock.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MetadataChunk
{
    public const int Shift = 18;

    // The logarithm of the smallest block's size.
    public const int MinBlockShift = 6;

    // A bit for each block of any size that a chunk can contain: those of 2^n bytes begin at bit 2^(Shift - n).
    public const int MapWords = 2 << (Shift - MinBlockShift - 6);

    // Bytes of the records that are in use.
    public int UsedBytes;

    // Memory from this offset on was never used.
    public int CarvedBytes;

    public fixed ulong Map[MapWords];

    // The block that a bit describes.
    public static void BlockOf(int bit, out int offset, out int shift)
    {
        int level = BitOperations.Log2((uint)bit);
        shift = Shift - level;
        offset = (bit - (1 << level)) << shift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsFree(int offset, int shift)
    {
        int bit = BitOf(offset, shift);
        return (Map[bit >> 6] & (1UL << bit)) != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Mark(int offset, int shift, bool isFree)
    {
        int bit = BitOf(offset, shift);
        ulong mask = 1UL << bit;
        Map[bit >> 6] = isFree ? Map[bit >> 6] | mask : Map[bit >> 6] & ~mask;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int BitOf(int offset, int shift) => (1 << (Shift - shift)) + (offset >> shift);
}

// The start of a free block: its links in the list of its size, and how many of its bytes are discarded.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MetadataFreeBlock
{
    public MetadataFreeBlock* Next;
    public MetadataFreeBlock* Previous;
    public int DiscardedBytes;
}
