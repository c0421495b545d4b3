using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace Hakmem.Tests.Buffers;

// All that a caller can see of a stream, and what the heap says of it, at one moment: a refused call changes none of
// it.
internal sealed unsafe class StreamState
{
    private readonly NativeMemoryStream _stream;
    private readonly HakmemAllocator _heap;
    private readonly (long Length, long Position, long Capacity, bool CanWrite) _figures;
    private readonly byte[] _contents;
    private readonly List<(nint Address, int Length)> _chunks;
    private readonly long _liveBytes;
    private readonly long _liveBlocks;

    public StreamState(NativeMemoryStream stream, HakmemAllocator heap)
    {
        _stream = stream;
        _heap = heap;
        _figures = FiguresOf(stream);
        _contents = stream.ToArray();
        _chunks = ChunksOf(stream);
        HakmemStatistics statistics = heap.GetStatistics();
        _liveBytes = statistics.LiveBytes;
        _liveBlocks = statistics.LiveBlocks;
    }

    public void AssertUnchanged()
    {
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(_figures, FiguresOf(_stream));
        Assert.Equal((_liveBytes, _liveBlocks), (statistics.LiveBytes, statistics.LiveBlocks));

        // The chunks are where they were, and so are the spans that a caller may hold, with what they held.
        Assert.Equal(_chunks, ChunksOf(_stream));
        Assert.True(_contents.AsSpan().SequenceEqual(_stream.ToArray()), "The contents have changed.");
    }

    private static (long Length, long Position, long Capacity, bool CanWrite) FiguresOf(NativeMemoryStream stream) =>
        (stream.Length, stream.Position, stream.Capacity, stream.CanWrite);

    private static List<(nint Address, int Length)> ChunksOf(NativeMemoryStream stream)
    {
        List<(nint Address, int Length)> chunks = [];
        foreach (ReadOnlyMemory<byte> memory in stream.GetReadOnlySequence())
        {
            chunks.Add(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory.Span)), memory.Length));
        }

        return chunks;
    }
}
