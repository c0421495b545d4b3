using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// Where live blocks begin: one byte for each 16 bytes of the arena, out of band, of those heaps that keep this record
// (Checked and Full).
//
//   1   a live block of such a heap begins here
//   0   anything else: the inside of a block, a free block, memory that was never handed out, a heap without the record
//
// So of one byte it is known whether a pointer may be freed, and an atomic exchange of it lets exactly one of several
// racing frees have the block. It does not say whose block it is: page map and headers do.
//
// Reserved once for an arena, when the first heap that needs it is made, at one sixteenth of the arena's size. It
// becomes writable in the batches in which the arena's other tables do; a page of it takes memory once a block has
// begun in its 64 KiB, and gives it back with the SuperSlabs.
//
// Ordering: 1 is a plain store by the thread that has just taken the block from the heap and has told nobody; who frees
// it got the pointer from there, by program order or by some hand-over (release, acquire). 0 is written by an atomic
// exchange, which orders all that the program did with the block before it; plainly while only one thread frees. Before the block is handed out again it
// passes through a magazine of the same thread or through a lock.
internal sealed unsafe class LiveTable
{
    // Blocks are aligned to 16 bytes.
    private const int Shift = 4;
    private const int BytesPerSlab = Geometry.SlabBytes >> Shift;

    private readonly OsMemory _os;
    private readonly byte* _bytes;
    private readonly nuint _size;

    private LiveTable(OsMemory os, byte* bytes, nuint size, byte* arenaBase)
    {
        _os = os;
        _bytes = bytes;
        _size = size;
        Origin = bytes - ((nuint)arenaBase >> Shift);
    }

    // What the byte of an address is counted from; see the static members.
    public byte* Origin { get; }

    // Null if there is no address space for it.
    public static LiveTable? TryCreate(OsMemory os, byte* arenaBase, int slabs)
    {
        nuint size = (nuint)slabs * BytesPerSlab;
        byte* bytes = os.TryReserve(size);
        return bytes == null ? null : new LiveTable(os, bytes, size, arenaBase);
    }

    // SAFETY (these): the address is inside an arena's SuperSlab whose tables are writable, and the origin is that of
    // the arena's table.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLive(byte* origin, void* address) => Volatile.Read(ref *ByteOf(origin, address)) != 0;

    // For whoever has taken a block and not handed it out yet.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Begin(byte* origin, void* block) => *ByteOf(origin, block) = 1;

    // Whether a live block began here. It does no more.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEnd(byte* origin, void* block) => Interlocked.Exchange(ref *ByteOf(origin, block), 0) != 0;

    // The same for a thread beside which no other frees.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEndAlone(byte* origin, void* block)
    {
        byte* live = ByteOf(origin, block);
        bool isLive = *live != 0;
        if (isLive)
        {
            // And not where none is: a thread without a cache, which has not freed any yet, may be given that block now.
            *live = 0;
        }

        return isLive;
    }

    // Makes the part for some SuperSlabs writable.
    public bool TryCommit(int fromSlab, int endSlab) =>
        _os.TryCommit(_bytes + ((long)fromSlab * BytesPerSlab), (nuint)(endSlab - fromSlab) * BytesPerSlab);

    // Ends all blocks that begin in some SuperSlabs, whose memory is given back, and gives back the table's.
    public void Discard(int firstSlab, int count)
    {
        byte* part = _bytes + ((long)firstSlab * BytesPerSlab);
        nuint bytes = (nuint)count * BytesPerSlab;
        if (!_os.TryDiscard(part, bytes))
        {
            for (nuint done = 0; done < bytes; done += BytesPerSlab)
            {
                Unsafe.InitBlock(part + done, 0, BytesPerSlab);
            }
        }
    }

    // Gives the whole table back.
    public void Release() => _os.TryRelease(_bytes, _size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* ByteOf(byte* origin, void* address) => origin + ((nuint)address >> Shift);
}
