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
internal sealed unsafe class StreamChunks(HakmemAllocator allocator, int chunkBytes) : IDisposable
{
    private const int SmallestBytes = 256;

    private readonly int _shift = BitOperations.Log2((uint)chunkBytes);
    private NativeBlock[] _blocks = [];

    // The blocks' addresses, so that finding a byte is one load.
    private nint[] _addresses = [];

    private int _count;

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

    // Whether bytes are, in part, those at a position, as many of them. There must be room for them.
    public bool OverlapAt(long position, ReadOnlySpan<byte> bytes)
    {
        for (int done = 0; done < bytes.Length;)
        {
            Span<byte> part = SpanAt(position + done, bytes.Length - done);
            if (bytes.Overlaps(part))
            {
                return true;
            }

            done += part.Length;
        }

        return false;
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

    // Makes room for a capacity. The bytes from length to clearTo become zeros. If an exception is thrown, no chunk
    // was added, though the first may have grown.
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

    // Gives back the chunks that lie wholly behind a length.
    public void TrimTo(long length)
    {
        int kept = (int)((length + chunkBytes - 1) >> _shift);
        FreeFrom(kept);
        if (kept == 1 && length < Capacity)
        {
            SetFirst(_blocks[0], (nuint)Math.Max(length, SmallestBytes));
        }
    }

    public void Dispose() => FreeFrom(0);

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

        if (_count == 0)
        {
            Add(new NativeBlock(allocator, (nuint)(needed > 1 ? chunkBytes : RoundUp(capacity))));
        }
        else if (Capacity < chunkBytes)
        {
            SetFirst(_blocks[0], (nuint)(needed > 1 ? chunkBytes : RoundUp(capacity)));
        }

        AddWhole(needed, clearTo);
    }

    // Adds chunks until there are so many.
    private void AddWhole(int needed, long clearTo)
    {
        int oldCount = _count;
        try
        {
            while (_count < needed)
            {
                Add(new NativeBlock(allocator, (nuint)chunkBytes, zeroed: (long)_count << _shift < clearTo));
            }
        }
        catch
        {
            FreeFrom(oldCount);
            throw;
        }
    }

    private long RoundUp(long bytes) =>
        Math.Min(chunkBytes, Math.Max(SmallestBytes, (long)BitOperations.RoundUpToPowerOf2((ulong)bytes)));

    private void Add(NativeBlock block)
    {
        _blocks[_count] = block;
        _addresses[_count] = (nint)block.Pointer;
        _count++;
        Capacity += (long)block.Bytes;
    }

    private void SetFirst(NativeBlock block, nuint bytes)
    {
        block.Resize(bytes);
        _addresses[0] = (nint)block.Pointer;
        Capacity = (long)bytes;
    }

    private void FreeFrom(int kept)
    {
        while (_count > kept)
        {
            _count--;
            Capacity -= (long)_blocks[_count].Bytes;
            _blocks[_count].Free();
            _blocks[_count] = null!;
            _addresses[_count] = 0;
        }
    }
}
