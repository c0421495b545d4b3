using System;
using System.Buffers;

namespace Hakmem;

// A part of contents in one piece, as ReadOnlySequence<T> requires it.
internal sealed class MemorySegment<T> : ReadOnlySequenceSegment<T>
{
    public MemorySegment(ReadOnlyMemory<T> memory, long runningIndex)
    {
        Memory = memory;
        RunningIndex = runningIndex;
    }

    // Creates the segment after this one and returns it.
    public MemorySegment<T> Append(ReadOnlyMemory<T> memory)
    {
        MemorySegment<T> next = new(memory, RunningIndex + Memory.Length);
        Next = next;
        return next;
    }
}
