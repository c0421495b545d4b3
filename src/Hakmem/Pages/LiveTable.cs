using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// The live blocks of heaps with HardeningLevel.Checked or Full: one byte for each 16 bytes of the arena.
//
//   1   a live block of such a heap begins here
//   0   anything else: the inside of a block, a free block, memory never handed out, a heap without the table
//
// One byte tells whether a pointer may be freed, and an atomic exchange lets exactly one of several racing frees
// succeed. Page map and headers tell the block's heap.
//
// One sixteenth of the arena's size in addresses.
//
// Ordering: the thread that has just taken a block from the heap writes 1, plainly, before it passes the pointer on. A
// freeing thread got the pointer by program order or by a hand-over (release, acquire). It writes 0 by an atomic
// exchange, which orders all earlier accesses to the block before it, or plainly while no other thread frees. Before
// the block is handed out again, it passes a magazine of the same thread or a lock.
internal sealed unsafe class LiveTable : BlockTable
{
    private const int Shift = Geometry.MinAlignmentShift;
    private const int BytesPerSlab = Geometry.SlabBytes >> Shift;

    private LiveTable(OsMemory os, byte* bytes, int slabs, byte* arenaBase)
        : base(os, bytes, slabs, BytesPerSlab) => Origin = bytes - ((nuint)arenaBase >> Shift);

    // The byte for address 0; the static members compute that of any address from it.
    public byte* Origin { get; }

    // Returns null if the system refuses the address space.
    public static LiveTable? TryCreate(OsMemory os, byte* arenaBase, int slabs)
    {
        byte* bytes = os.TryReserve((nuint)slabs * BytesPerSlab);
        return bytes == null ? null : new LiveTable(os, bytes, slabs, arenaBase);
    }

    // SAFETY (all static members): the address is in a SuperSlab with writable tables; the origin is that of its arena.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLive(byte* origin, void* address) => Volatile.Read(ref *ByteOf(origin, address)) != 0;

    // For the thread that has taken a block and not yet handed it out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Begin(byte* origin, void* block) => *ByteOf(origin, block) = 1;

    // Ends a live block; returns false if none begins here.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEnd(byte* origin, void* block) => Interlocked.Exchange(ref *ByteOf(origin, block), 0) != 0;

    // As TryEnd, while no other thread frees.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEndAlone(byte* origin, void* block)
    {
        byte* live = ByteOf(origin, block);
        bool isLive = *live != 0;
        if (isLive)
        {
            // No store if it is 0: a thread without a cache, which has not freed yet, may be receiving this block.
            *live = 0;
        }

        return isLive;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* ByteOf(byte* origin, void* address) => origin + ((nuint)address >> Shift);
}
