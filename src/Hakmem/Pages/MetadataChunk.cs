using System.Numerics;
using System.Runtime.InteropServices;

namespace Hakmem.Pages;

// What lies at the start of a chunk of MetadataAllocator: which of its blocks are free, by size. Guarded by that
// class's lock.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MetadataChunk
{
    public const int Shift = 18;

    // The smallest block.
    public const int MinBlockShift = 6;

    // A bit for each block that a chunk could be cut into, of any size: those of 2^n bytes begin at bit 2^(Shift - n).
    public const int MapWords = 2 << (Shift - MinBlockShift - 6);

    // Of records that are handed out.
    public int UsedBytes;

    // Memory from this offset on was never used.
    public int CarvedBytes;

    public fixed ulong Map[MapWords];

    // The block that a bit stands for.
    public static void BlockOf(int bit, out int offset, out int shift)
    {
        int level = BitOperations.Log2((uint)bit);
        shift = Shift - level;
        offset = (bit - (1 << level)) << shift;
    }

    public bool IsFree(int offset, int shift)
    {
        int bit = BitOf(offset, shift);
        return (Map[bit >> 6] & (1UL << bit)) != 0;
    }

    public void Mark(int offset, int shift, bool isFree)
    {
        int bit = BitOf(offset, shift);
        ulong mask = 1UL << bit;
        Map[bit >> 6] = isFree ? Map[bit >> 6] | mask : Map[bit >> 6] & ~mask;
    }

    private static int BitOf(int offset, int shift) => (1 << (Shift - shift)) + (offset >> shift);
}
