using System;
using System.Buffers;

namespace Hakmem;

// A view of a NativeBlock that can be a Memory<T>: the elements from a byte offset on, as many as the block has there but not more than
// a limit. It owns nothing. Each access asks the block where it is, so a view survives a move, and after the disposal
// of the owner or its heap throws instead of reading memory that is somebody else's by now.
internal sealed unsafe class NativeBlockMemory<T>(NativeBlock block, nuint byteOffset, int maxLength) : MemoryManager<T>
    where T : unmanaged
{
    // How far the memories reach that were made of this view. A pin is told where it begins, not where it ends: it gets its address only where all of
    // that is still there, and is refused for a part that is, too. Written by the owner's calls, before whoever pins has the memory: no ordering
    // of its own.
    private int _end;

    // Some of the view's elements. Whether they exist is checked at each use, since the block may shrink.
    public Memory<T> Slice(int start, int length)
    {
        _end = Math.Max(_end, start + length);
        return CreateMemory(start, length);
    }

    public override Span<T> GetSpan()
    {
        byte* pointer = block.Access();

        // SAFETY: the range lies in the block by the owner's own size; the owner may not free or resize it while a span
        // is in use, and nobody dispose its heap.
        return new Span<T>(pointer + byteOffset, Length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_end, nameof(elementIndex));
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
