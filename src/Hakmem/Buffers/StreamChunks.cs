using System;
using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem;

// The memory of a stream: chunks of one size, a power of two, so that a position finds its byte by a shift. Growing adds chunks and copies
// nothing. Only while there is a single chunk may it be smaller, and then it grows by Realloc up to the size of the others: a stream of a
// few hundred bytes does not hold a whole chunk.
//
// Bytes between the stream's length and the capacity are undefined; whoever raises the length over bytes that were never written has
// them cleared first (see EnsureCapacity).
internal sealed unsafe class StreamChunks(HakmemAllocator allocator, int chunkBytes)
{
    private const int SmallestBytes = 256;

    private readonly int _shift = BitOperations.Log2((uint)chunkBytes);
    private NativeBlock[] _blocks = [];

    // The blocks' addresses, so that finding a byte is one load.
    private nint[] _addresses = [];

    private int _count;

    // How many bytes a chunk has from a position on, whether there is such a chunk or not.
    public int BytesInChunkFrom(long position) => chunkBytes - ((int)position & (chunkBytes - 1));

    // How many bytes there is room for.
    public long Capacity { get; private set; }

    // The bytes at a position that lie in one chunk, up to a count; the position must be below the capacity.
    public Span<byte> SpanAt(long position, long count)
    {
        int index = (int)(position >> _shift);
        int offset = (int)position & (chunkBytes - 1);
        long available = Math.Min(chunkBytes - offset, Capacity - position);

        // SAFETY: the chunk has as many bytes as the capacity says, and lives until Dispose or TrimTo.
        return new Span<byte>((byte*)_addresses[index] + offset, (int)Math.Min(count, available));
    }

    // Where in the first chunk bytes begin, or -1 if they are not of it.
    public long OffsetInFirst(ReadOnlySpan<byte> bytes)
    {
        ulong offset = _count == 0 ? ulong.MaxValue : (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes)) - (nuint)_addresses[0];
        return offset < (ulong)Math.Min(Capacity, chunkBytes) ? (long)offset : -1;
    }

    // The bytes at a position, as SpanAt gives them, as memory.
    public Memory<byte> MemoryAt(long position, long count)
    {
        int index = (int)(position >> _shift);
        int offset = (int)position & (chunkBytes - 1);
        long available = Math.Min(chunkBytes - offset, Capacity - position);
        return _blocks[index].All.Slice(offset, (int)Math.Min(count, available));
    }

    // The first bytes as a sequence of memories. It stays valid until chunks are given back.
    public ReadOnlySequence<byte> SequenceOf(long length)
    {
        if (length == 0)
        {
            return ReadOnlySequence<byte>.Empty;
        }

        StreamSegment first = new(MemoryAt(0, length), 0);
        StreamSegment last = first;
        for (long position = last.Memory.Length; position < length; position += last.Memory.Length)
        {
            last = last.Append(MemoryAt(position, length - position));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    // Makes room for a capacity. The bytes from length to clearTo become zeros. If an exception says that there is no
    // room, nothing has changed.
    public void EnsureCapacity(long capacity, long length, long clearTo)
    {
        long oldCapacity = Capacity;
        if (capacity > oldCapacity)
        {
            Grow(capacity, clearTo);
        }

        // Chunks that were added in front of clearTo are zero already, but not the first one, which may also have grown.
        long dirtyEnd = Math.Min(clearTo, Math.Max(oldCapacity, Math.Min(Capacity, chunkBytes)));
        Clear(length, dirtyEnd);
    }

    // Gives back the chunks that lie wholly behind a length, and makes the first one smaller if it is the last. That
    // takes a new block: where there is no room for that it stays as it is.
    public void TrimTo(long length)
    {
        int kept = (int)((length + chunkBytes - 1) >> _shift);
        HakmemCorruptionException? finding = FreeFrom(kept);
        if (kept == 1 && length < Capacity)
        {
            _ = TryResizeFirst(Math.Max(length, SmallestBytes));
        }

        NativeBlock.ThrowIfFound(finding);
    }

    // Gives back all. The result is what came to light on the way.
    public HakmemCorruptionException? TryFreeAll() => FreeFrom(0);

    private void Clear(long from, long to)
    {
        while (from < to)
        {
            Span<byte> part = SpanAt(from, to - from);
            part.Clear();
            from += part.Length;
        }
    }

    private void Grow(long capacity, long clearTo)
    {
        long count = (capacity + chunkBytes - 1) >> _shift;
        if (count > Array.MaxLength)
        {
            throw new OutOfMemoryException($"A stream of {capacity} bytes would have {count} chunks of {chunkBytes}: {Array.MaxLength} are the most.");
        }

        int needed = (int)count;
        if (needed > _addresses.Length)
        {
            // Each array may be longer than the count. The one that is asked about is the last to become so: the other may, and this one then fail.
            int size = (int)Math.Min(Math.Max(needed, 2L * _addresses.Length), Array.MaxLength);
            Array.Resize(ref _blocks, size);
            Array.Resize(ref _addresses, size);
        }

        int made = Math.Max(_count, 1);
        try
        {
            // Nobody looks behind the count, and nothing is lost there: see the end.
            for (; made < needed; made++)
            {
                _blocks[made] = NewBlock(chunkBytes, zeroed: (long)made << _shift < clearTo);
            }

            // The first comes last: once it has grown, it could not be made as it was.
            GrowFirst(needed > 1 ? chunkBytes : RoundUp(capacity));
        }
        catch
        {
            while (--made >= Math.Max(_count, 1))
            {
                // What else came to light is less than what is on its way.
                _ = _blocks[made].TryFree();
                _blocks[made] = null!;
            }

            throw;
        }

        while (_count < needed)
        {
            Count(_blocks[_count]);
        }
    }

    private void GrowFirst(long bytes)
    {
        if (_count == 0)
        {
            _blocks[0] = NewBlock(bytes, zeroed: false);
        }
        else if (Capacity < chunkBytes && !TryResizeFirst(bytes))
        {
            throw allocator.OutOfMemory((nuint)bytes);
        }
    }

    private NativeBlock NewBlock(long bytes, bool zeroed) =>
        new(typeof(NativeMemoryStream), allocator, (nuint)bytes, zeroed: zeroed);

    private long RoundUp(long bytes) =>
        Math.Min(chunkBytes, Math.Max(SmallestBytes, (long)BitOperations.RoundUpToPowerOf2((ulong)bytes)));

    // Takes in the block behind the last.
    private void Count(NativeBlock block)
    {
        _addresses[_count] = (nint)block.Pointer;
        _count++;
        Capacity += (long)block.Bytes;
    }

    // The first of the chunks, when there is no other. False if there is no room.
    private bool TryResizeFirst(long bytes)
    {
        NativeBlock first = _blocks[0];
        try
        {
            return first.TryResize((nuint)bytes);
        }
        finally
        {
            // Whatever came to light on the way, the block is what it says it is.
            _addresses[0] = (nint)first.Pointer;
            Capacity = (long)first.Bytes;
        }
    }

    private HakmemCorruptionException? FreeFrom(int kept)
    {
        HakmemCorruptionException? finding = null;
        while (_count > kept)
        {
            _count--;
            NativeBlock block = _blocks[_count];
            Capacity -= (long)block.Bytes;
            _blocks[_count] = null!;
            _addresses[_count] = 0;
            finding = block.TryFree() ?? finding;
        }

        return finding;
    }
}
