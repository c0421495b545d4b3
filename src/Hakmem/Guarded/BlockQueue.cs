using System.Diagnostics;
using System.Runtime.InteropServices;
using Hakmem.Pages;

namespace Hakmem.Guarded;

// A first-in, first-out queue of freed blocks with their size classes, in records out of band. It uses no managed
// memory and grows by chunks.
//
//   oldest -> [ taken .. .. blocks ] -> [ blocks .. .. .. ] -> [ blocks .. free ] <- newest
//
// Not thread-safe: PoisonedBlocks' lock guards it.
internal sealed unsafe class BlockQueue(MetadataAllocator metadata)
{
    // An entry is a block's address, which has 47 bits, with its size class above them.
    private const int ClassShift = 48;
    private const ulong AddressMask = (1UL << ClassShift) - 1;

    private Chunk* _oldest;
    private Chunk* _newest;

    // The next index to take from in the oldest chunk, and the next to add at in the newest one.
    private int _takeAt;
    private int _putAt;

    public int Count { get; private set; }

    // Returns false if memory is out.
    public bool TryAdd(void* block, int sizeClass)
    {
        if ((_newest == null || _putAt == Chunk.Entries) && !TryExtend())
        {
            return false;
        }

        Chunk.EntriesOf(_newest)[_putAt++] = (nuint)block | ((ulong)sizeClass << ClassShift);
        Count++;
        return true;
    }

    // Removes the oldest block. The queue must not be empty.
    public void* Take(out int sizeClass)
    {
        Debug.Assert(Count > 0, "The queue has a block.");
        if (_takeAt == Chunk.Entries)
        {
            Chunk* empty = _oldest;
            _oldest = empty->Next;
            _takeAt = 0;
            metadata.Free(empty, Chunk.Bytes);
        }

        ulong entry = Chunk.EntriesOf(_oldest)[_takeAt++];
        Count--;
        sizeClass = (int)(entry >> ClassShift);
        return (void*)(nuint)(entry & AddressMask);
    }

    // Removes all blocks and frees the records.
    public void Clear()
    {
        while (_oldest != null)
        {
            Chunk* chunk = _oldest;
            _oldest = chunk->Next;
            metadata.Free(chunk, Chunk.Bytes);
        }

        _newest = null;
        _takeAt = 0;
        _putAt = 0;
        Count = 0;
    }

    private bool TryExtend()
    {
        Chunk* chunk = (Chunk*)metadata.TryAllocate(Chunk.Bytes);
        if (chunk == null)
        {
            return false;
        }

        if (_newest == null)
        {
            _oldest = chunk;
        }
        else
        {
            _newest->Next = chunk;
        }

        _newest = chunk;
        _putAt = 0;
        return true;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Chunk
    {
        public const int Bytes = 16 << 10;
        public const int Entries = (Bytes / sizeof(ulong)) - 1;

        // The next newer chunk.
        public Chunk* Next;

        // SAFETY: a chunk is allocated with room for Entries behind its header.
        public static ulong* EntriesOf(Chunk* chunk) => (ulong*)(chunk + 1);
    }
}
