using System;
using System.Buffers;
using Hakmem.Os;

namespace Hakmem;

// A view of a NativeBlock that can be a Memory<T>: the elements from a byte offset to the end of the block, at most
// maxLength. It owns nothing. Each access reads the block's address, so the view follows a move, and after the disposal
// of the owner or its heap it throws instead of reading memory that may belong to another block.
internal sealed unsafe class NativeBlockMemory<T>(NativeBlock block, nuint byteOffset, int maxLength) : MemoryManager<T>
    where T : unmanaged
{
    // The end of the longest Memory<T> of this view, in elements. A pin is told its start but not its end, so it fails
    // unless all of these elements still exist, even if those of its own memory do. Written by the owner before it
    // returns the memory to the code that pins it, so it needs no ordering.
    private int _end;

    // Returns a part of the view. Each use checks whether its elements still exist, since the block may shrink.
    public Memory<T> Slice(int start, int length)
    {
        _end = Math.Max(_end, start + length);
        return CreateMemory(start, length);
    }

    public override Span<T> GetSpan()
    {
        byte* pointer = block.Access();

        // SAFETY: the range lies in the block by its own size. While a span is in use, the owner must not free or
        // resize the block, and no thread may dispose its heap.
        return new Span<T>(pointer + byteOffset, Length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        Argument.RequireAtMost(elementIndex, _end);
        byte* pointer = block.Pin(byteOffset + ((nuint)_end * (nuint)sizeof(T)));
        return new MemoryHandle(pointer + byteOffset + ((nuint)elementIndex * (nuint)sizeof(T)), default, this);
    }

    public override void Unpin() => block.Unpin();

    protected override void Dispose(bool disposing)
    {
    }

    private int Length
    {
        get
        {
            nuint bytes = block.Bytes;
            nuint length = bytes <= byteOffset ? 0 : (bytes - byteOffset) / (nuint)sizeof(T);
            return (int)nuint.Min(length, (nuint)maxLength);
        }
    }
}
