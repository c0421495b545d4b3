namespace Hakmem.Regions;

// The part of a chunk that a region allocates from: blocks follow each other from Start, and Next is the first free
// byte. All three are null while the region has no chunk.
//
// Invariants, which the region's fast path relies on: Next and End are multiples of 16 apart, so a request that fits
// before it is rounded up to 16 bytes fits afterwards too; and Next is a multiple of 16.
internal unsafe struct BumpRange
{
    public const nuint Unit = 16;

    public byte* Start;
    public byte* Next;
    public byte* End;

    public BumpRange(byte* start, nuint bytes)
    {
        Start = start;
        Next = start;
        End = start + (bytes & ~(Unit - 1));
    }

    public readonly nuint UsedBytes => (nuint)(Next - Start);

    public readonly nuint FreeBytes => (nuint)(End - Next);

    // bytes is at most nuint.MaxValue - 15.
    public static nuint RoundUp(nuint bytes) => (bytes + (Unit - 1)) & ~(Unit - 1);

    // Takes a block of at least one byte; the alignment is a power of two, at least 16. Returns null if there is no
    // room.
    public void* TryTake(nuint bytes, nuint alignment)
    {
        nuint padding = (0 - (nuint)Next) & (alignment - 1);
        if (padding > FreeBytes || bytes > FreeBytes - padding)
        {
            return null;
        }

        byte* block = Next + padding;
        Next = block + RoundUp(bytes);
        return block;
    }
}
