using System;
using System.Buffers;

namespace Hakmem;

// One chunk's part of a stream's contents, as ReadOnlySequence<byte> wants it.
internal sealed class StreamSegment : ReadOnlySequenceSegment<byte>
{
    public StreamSegment(ReadOnlyMemory<byte> memory, long runningIndex)
    {
        Memory = memory;
        RunningIndex = runningIndex;
    }

    // Makes what follows this segment, and returns it.
    public StreamSegment Append(ReadOnlyMemory<byte> memory)
    {
        StreamSegment next = new(memory, RunningIndex + Memory.Length);
        Next = next;
        return next;
    }
}
