using System;
using System.Buffers;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem;

// The memory of a stream: chunks of one size, a power of two, so that a shift of the position finds the chunk. Growing
// adds chunks and copies nothing. Only a single chunk may be smaller; it grows by Realloc up to the size of the others,
// so a stream of a few hundred bytes does not hold a whole chunk.
//
// Bytes between the stream's length and the capacity are undefined. A call that raises the length over bytes that were
// never written clears them first (see EnsureCapacity).
internal sealed unsafe class StreamChunks(HakmemAllocator allocator, int chunkBytes)
{
    private const int SmallestBytes = 256;

    private readonly int _shift = BitOperations.Log2((uint)chunkBytes);
    private NativeBlock[] _blocks = [];

    // The addresses of the blocks, so that one load finds a byte.
    private nint[] _addresses = [];

    private int _count;

    // Returns the number of bytes from a position to the end of its chunk, whether that chunk exists or not.
    public int BytesInChunkFrom(long position) => chunkBytes - ((int)position & (chunkBytes - 1));

    // The number of bytes that fit without growing.
    public long Capacity { get; private set; }

    // The address of the first chunk; null if there is none. For a debugger's view.
    public void* FirstAddress => _count == 0 ? null : (void*)_addresses[0];

    // Returns the bytes from a position to the end of its chunk, at most count. The position must be below the
    // capacity.
    public Span<byte> SpanAt(long position, long count)
    {
        Debug.Assert(position >= 0 && position < Capacity, "The position must be below the capacity.");
        int index = (int)(position >> _shift);
        int offset = (int)position & (chunkBytes - 1);
        long available = Math.Min(chunkBytes - offset, Capacity - position);

        // SAFETY: the chunk has all bytes below the capacity, and lives until TrimTo or TryFreeAll.
        return new Span<byte>((byte*)_addresses[index] + offset, (int)Math.Min(count, available));
    }

    // Returns the offset of a span in the first chunk, or -1 if it is not part of it.
    public long OffsetInFirst(ReadOnlySpan<byte> bytes)
    {
        nuint address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
        ulong offset = _count == 0 ? ulong.MaxValue : address - (nuint)_addresses[0];
        return offset < (ulong)Math.Min(Capacity, chunkBytes) ? (long)offset : -1;
    }

    // Returns the bytes of SpanAt as memory.
    public Memory<byte> MemoryAt(long position, long count)
    {
        Debug.Assert(position >= 0 && position < Capacity, "The position must be below the capacity.");
        int index = (int)(position >> _shift);
        int offset = (int)position & (chunkBytes - 1);
        long available = Math.Min(chunkBytes - offset, Capacity - position);
        return _blocks[index].All.Slice(offset, (int)Math.Min(count, available));
    }

    // Returns the first bytes as a sequence, which stays valid until chunks are freed.
    public ReadOnlySequence<byte> SequenceOf(long length)
    {
        if (length == 0)
        {
            return ReadOnlySequence<byte>.Empty;
        }

        MemorySegment<byte> first = new(MemoryAt(0, length), 0);
        MemorySegment<byte> last = first;
        for (long position = last.Memory.Length; position < length; position += last.Memory.Length)
        {
            last = last.Append(MemoryAt(position, length - position));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    // Grows to a capacity and clears the bytes from length to clearTo. After an OutOfMemoryException nothing has
    // changed.
    public void EnsureCapacity(long capacity, long length, long clearTo)
    {
        long oldCapacity = Capacity;
        if (capacity > oldCapacity)
        {
            Grow(capacity, clearTo);
        }

        // Chunks that were added before clearTo are zero already, except the first one, which may have grown instead.
        long dirtyEnd = Math.Min(clearTo, Math.Max(oldCapacity, Math.Min(Capacity, chunkBytes)));
        Clear(length, dirtyEnd);
    }

    // Frees the chunks that lie wholly after a length, and shrinks the first one if it is the only one left. Shrinking
    // needs a new block; if there is no room for that, the chunk stays as it is.
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

    // Frees all chunks and returns the last corruption that the heap found, or null.
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
            throw new OutOfMemoryException(
                $"A stream of {capacity} bytes needs {count} chunks; the most is {Array.MaxLength}. " +
                "Create the stream with larger chunks.");
        }

        int needed = (int)count;
        if (needed > _addresses.Length)
        {
            // Both arrays may be longer than the count. The length that the test reads grows last, so that the test
            // fails again if only the first array could grow.
            int size = (int)Math.Min(Math.Max(needed, 2L * _addresses.Length), Array.MaxLength);

            // Not by Array.Resize: its instance for numbers would be compiled at a program's first use of it.
            nint[] addresses = new nint[size];
            Array.Resize(ref _blocks, size);
            Array.Copy(_addresses, addresses, _count);
            _addresses = addresses;
        }

        int made = Math.Max(_count, 1);
        try
        {
            // Elements beyond the count are not read, and the handler below frees them after a failure.
            for (; made < needed; made++)
            {
                _blocks[made] = NewBlock(chunkBytes, zeroed: (long)made << _shift < clearTo);
            }

            // The first chunk comes last, because its growth could not be undone after a failure.
            GrowFirst(needed > 1 ? chunkBytes : RoundUp(capacity));
        }
        catch
        {
            while (--made >= Math.Max(_count, 1))
            {
                // The exception on its way is more important than a corruption found here.
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

    // Adds the block after the last one to the count.
    private void Count(NativeBlock block)
    {
        _addresses[_count] = (nint)block.Pointer;
        _count++;
        Capacity += (long)block.Bytes;
    }

    // Resizes the first chunk, which must be the only one. Returns false if there is no room.
    private bool TryResizeFirst(long bytes)
    {
        Debug.Assert(_count == 1, "Only a single chunk has another size than chunkBytes.");
        NativeBlock first = _blocks[0];
        try
        {
            return first.TryResize((nuint)bytes);
        }
        finally
        {
            // Also after an exception the block knows its address and size.
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
