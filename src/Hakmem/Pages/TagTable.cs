using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// Who the blocks of heaps for tagged blocks belong to (see Tags/TaggedHeap.cs): two bytes for each 16 bytes of the
// arena.
//
//   1 .. 65535   a live tagged block begins here; the number says whose it is (see Tags/TagLedgers.cs)
//   0            anything else: the inside of a block, a free block, a heap without tagged blocks
//
// Apart from the blocks, so that an overflow of a block changes nobody's figures, and blocks keep their sizes and
// alignments. One eighth of the arena's size in addresses.
//
// Ordering: as in LiveTable. The thread that has just taken a block writes the number before it passes the pointer on,
// and the thread that frees the block clears it before the heap has the block.
internal sealed unsafe class TagTable : BlockTable
{
    // Two bytes for 16 are one eighth.
    private const int Shift = Geometry.MinAlignmentShift - 1;
    private const int BytesPerSlab = Geometry.SlabBytes >> Shift;

    private TagTable(OsMemory os, byte* bytes, int slabs, byte* arenaBase)
        : base(os, bytes, slabs, BytesPerSlab) => Origin = bytes - ((nuint)arenaBase >> Shift);

    // The entry for address 0; EntryOf computes that of any address from it.
    public byte* Origin { get; }

    // Returns null if the system refuses the address space.
    public static TagTable? TryCreate(OsMemory os, byte* arenaBase, int slabs)
    {
        byte* bytes = os.TryReserve((nuint)slabs * BytesPerSlab);
        return bytes == null ? null : new TagTable(os, bytes, slabs, arenaBase);
    }

    // SAFETY: the address is a block's, in a SuperSlab with writable tables; the origin is that of its arena.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort* EntryOf(byte* origin, void* block) => (ushort*)(origin + ((nuint)block >> Shift));

    // Clears an entry and returns what it was, so that of racing threads only one gets a number. Entries are cleared
    // plainly where racing frees of one block are not detected either.
    public static ushort Take(ushort* entry)
    {
        // The aligned word with the entry: not all frameworks exchange two bytes.
        int* word = (int*)((nuint)entry & ~(nuint)(sizeof(int) - 1));
        int shift = (int)((nuint)entry & (sizeof(int) - 1)) * 8;
        int seen = Volatile.Read(ref *word);
        while (true)
        {
            int before = Interlocked.CompareExchange(ref *word, seen & ~(ushort.MaxValue << shift), seen);
            if (before == seen)
            {
                return (ushort)(seen >> shift);
            }

            seen = before;
        }
    }
}
