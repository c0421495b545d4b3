namespace Hakmem.Fallback;

// What lies in front of each block of a fallback heap, in memory of NativeMemory:
//
//   +---------------+--------+-----------+
//   | up to one     | header | the block |
//   | alignment - 1 |        |           |
//   +---------------+--------+-----------+
//   ^ Start                  ^ a multiple of the alignment
//
// The header ends where the block begins, so that the block's address is all that is needed to find it. Written by the
// thread that allocates or resizes the block, before the list has it; Next and Previous by any thread, under the list's
// lock.
internal unsafe struct FallbackHeader
{
    public const int MinAlignmentShift = 4;

    // Any number that other memory is unlikely to contain.
    private const nuint Key = 0x6B61_6D65;

    // MarkAt of this address while the block is live. The lowest field, as it is the first that an overflow of the
    // memory in front destroys.
    public nuint Mark;

    public FallbackHeader* Next;
    public FallbackHeader* Previous;

    // What NativeMemory returned.
    public byte* Start;

    // The block's size in bytes.
    public nuint Bytes;

    // The number of the heap.
    public int Heap;

    // The index of the heap's list that has the block.
    public byte List;

    // The base-two logarithm of the alignment that the memory has room for.
    public byte AlignmentShift;

    // Who the block belongs to, or 0: see Tags/TaggedHeap.cs, which alone writes it while the block is live.
    public ushort Tag;

    public static FallbackHeader* Of(void* block) => (FallbackHeader*)block - 1;

    public static byte* BlockOf(FallbackHeader* header) => (byte*)(header + 1);

    public static nuint MarkAt(FallbackHeader* header) => (nuint)header ^ Key;

    // How many bytes of memory contain a block, whatever the address of the memory. False if that is half of all
    // addresses or more.
    public static bool TryGetTotal(nuint byteCount, int alignmentShift, out nuint total)
    {
        // A half, a quarter and a header do not overflow.
        nuint half = nuint.MaxValue >> 1;
        nuint alignment = (nuint)1 << alignmentShift;
        total = 0;
        if (byteCount > half || alignment > half >> 1)
        {
            return false;
        }

        total = (nuint)sizeof(FallbackHeader) + alignment - 1 + byteCount;
        return total <= half;
    }

    // The total of a live block.
    public static nuint TotalOf(FallbackHeader* header) =>
        (nuint)sizeof(FallbackHeader) + ((nuint)1 << header->AlignmentShift) - 1 + header->Bytes;

    // Where the block lies in memory for it.
    public static byte* PlaceIn(byte* start, int alignmentShift)
    {
        nuint mask = ((nuint)1 << alignmentShift) - 1;
        return (byte*)(((nuint)start + (nuint)sizeof(FallbackHeader) + mask) & ~mask);
    }
}
