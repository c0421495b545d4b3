using System;
using System.Buffers;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;

namespace Hakmem;

// Reading, and the views of all contents.
public sealed partial class NativeMemoryStream
{
    private long Remaining => Math.Max(0, _length - _position);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    /// <summary>Reads bytes at the position and moves the position to their end.</summary>
    /// <param name="buffer">The destination.</param>
    /// <returns>The number of bytes read: less than the buffer has only at the end of the stream.</returns>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
#if NET
    public override int Read(Span<byte> buffer)
#else
    public int Read(Span<byte> buffer)
#endif
    {
        ThrowIfDisposed();
        EndHandout();
        return SafeRead(buffer, ref _position);
    }

    /// <summary>Reads bytes at a position of the caller's. Several threads may do that at a time, while none changes
    /// the stream.</summary>
    /// <param name="buffer">The destination.</param>
    /// <param name="streamPosition">The position in bytes, from zero; it moves to the end of the bytes.</param>
    /// <returns>The number of bytes read: less than the buffer has only at the end of the stream.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="streamPosition"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public int SafeRead(Span<byte> buffer, ref long streamPosition)
    {
        ThrowIfDisposed();
        Argument.RequireNotNegative(streamPosition);
        int count = (int)Math.Min(buffer.Length, Math.Max(0, _length - streamPosition));
        for (int done = 0; done < count;)
        {
            Span<byte> part = _chunks.SpanAt(streamPosition, count - done);
            part.CopyTo(buffer[done..]);
            done += part.Length;
            streamPosition += part.Length;
        }

        return count;
    }

    /// <summary>Reads bytes as <see cref="SafeRead(Span{byte}, ref long)"/> does.</summary>
    /// <param name="buffer">The array to read to.</param>
    /// <param name="offset">Where in the array the bytes go.</param>
    /// <param name="count">The most bytes to read.</param>
    /// <param name="streamPosition">The position in bytes, from zero; it moves to the end of the bytes.</param>
    /// <returns>The number of bytes read: less than requested only at the end of the stream.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="buffer"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array, or
    /// <paramref name="streamPosition"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public int SafeRead(byte[] buffer, int offset, int count, ref long streamPosition)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return SafeRead(buffer.AsSpan(offset, count), ref streamPosition);
    }

    /// <summary>Reads one byte at a position of the caller's, as <see cref="SafeRead(Span{byte}, ref long)"/>
    /// does.</summary>
    /// <param name="streamPosition">The position in bytes, from zero; it moves by one.</param>
    /// <returns>The byte, or -1 at or beyond the end of the stream; the position then stays.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="streamPosition"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public int SafeReadByte(ref long streamPosition)
    {
        ThrowIfDisposed();
        Argument.RequireNotNegative(streamPosition);
        return streamPosition < _length ? _chunks.SpanAt(streamPosition++, 1)[0] : -1;
    }

    /// <summary>Reads one byte at the position and moves the position by one.</summary>
    /// <returns>The byte, or -1 at the end of the stream.</returns>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public override int ReadByte()
    {
        ThrowIfDisposed();
        EndHandout();
        return _position < _length ? _chunks.SpanAt(_position++, 1)[0] : -1;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <summary>Reads as <see cref="Read(Span{byte})"/> does, and completes before it returns.</summary>
    /// <param name="buffer">The destination.</param>
    /// <param name="cancellationToken">If it is cancelled before the call, nothing is read.</param>
    /// <returns>The completed operation with the number of bytes read, or with an exception.</returns>
#if NET
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
#else
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
#endif
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        try
        {
            return ValueTask.FromResult(Read(buffer.Span));
        }
        catch (Exception failure)
        {
            return ValueTask.FromException<int>(failure);
        }
    }

    /// <summary>Writes the bytes from the position on to another stream, and moves the position to the end.</summary>
    /// <param name="destination">The other stream.</param>
    /// <param name="bufferSize">Not used: the chunks are the buffers. It must be above zero.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bufferSize"/> is zero or negative.</exception>
    /// <exception cref="NotSupportedException"><paramref name="destination"/> is not writable.</exception>
    /// <exception cref="ObjectDisposedException">One of the streams has been disposed.</exception>
    /// <remarks>
    /// If the other stream throws, the position is unchanged, and the other stream may have received some of the bytes;
    /// none if it is a <see cref="NativeMemoryStream"/>.
    /// </remarks>
#if NET
    public override void CopyTo(Stream destination, int bufferSize)
#else
    public new void CopyTo(Stream destination, int bufferSize)
#endif
    {
        Stream.ValidateCopyToArguments(destination, bufferSize);
        ThrowIfDisposed();
        long start = _position;
        _position += Remaining;
        try
        {
            MakeRoomIn(destination, _position - start);
            EndHandout();
            WriteRange(start, _position, destination);
        }
        catch
        {
            _position = start;
            throw;
        }
    }

    /// <inheritdoc cref="CopyTo"/>
    /// <param name="destination">The other stream.</param>
    /// <param name="bufferSize">Not used: the chunks are the buffers. It must be above zero.</param>
    /// <param name="cancellationToken">Cancels between chunks and, if the other stream can, within a chunk. A copy to a
    /// <see cref="NativeMemoryStream"/> is not cancelled once it has begun.</param>
    /// <returns>The operation. Do not change the stream before it has completed.</returns>
    public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        Stream.ValidateCopyToArguments(destination, bufferSize);
        ThrowIfDisposed();
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        long start = _position;
        _position += Remaining;
        return CopyRangeAsync(start, _position, destination, cancellationToken);
    }

    /// <summary>Writes all contents to another stream. The position has no effect and stays as it is.</summary>
    /// <param name="stream">The other stream, or this one, whose position then moves to the end of the bytes.</param>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    /// <exception cref="ObjectDisposedException">One of the streams has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The other stream is a <see cref="NativeMemoryStream"/> and has no room;
    /// nothing has been written.</exception>
    public void WriteTo(Stream stream)
    {
        Argument.RequireNotNull(stream);
        ThrowIfDisposed();
        if (_length == 0)
        {
            // As MemoryStream does: an empty write extends a stream whose position is beyond its end.
            stream.Write([]);
        }
        else
        {
            WriteTo(stream, 0, _length);
        }
    }

    /// <summary>Writes some of the contents to another stream. The position has no effect and stays as it is.</summary>
    /// <param name="stream">The other stream, or this one, whose position then moves to the end of the bytes.</param>
    /// <param name="offset">Where the bytes begin, from zero to the length.</param>
    /// <param name="count">How many bytes, from zero to the length - <paramref name="offset"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the contents.</exception>
    /// <exception cref="ObjectDisposedException">One of the streams has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The other stream is a <see cref="NativeMemoryStream"/> and has no room;
    /// nothing has been written.</exception>
    public void WriteTo(Stream stream, long offset, long count)
    {
        Argument.RequireNotNull(stream);
        RequireRange(offset, count);
        if (ReferenceEquals(stream, this))
        {
            // The write may overwrite bytes that are still to be read.
            using NativeMemoryStream copy = new(_allocator);
            WriteRange(offset, offset + count, copy);
            MakeRoomIn(this, count);
            copy.WriteRange(0, count, this);
        }
        else
        {
            MakeRoomIn(stream, count);
            WriteRange(offset, offset + count, stream);
        }
    }

    /// <summary>Copies all contents to an array. The position has no effect and stays as it is.</summary>
    /// <param name="buffer">The array, at whose start the bytes go.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buffer"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The array is shorter than the contents.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public void WriteTo(byte[] buffer) => WriteTo(buffer, 0, Length);

    /// <summary>Copies some of the contents to an array. The position has no effect and stays as it is.</summary>
    /// <param name="buffer">The array.</param>
    /// <param name="offset">Where the bytes begin, from zero to the length.</param>
    /// <param name="count">How many bytes, from zero to the length - <paramref name="offset"/>.</param>
    /// <param name="targetOffset">Where in the array the bytes go.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buffer"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the contents, or not in the array.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public void WriteTo(byte[] buffer, long offset, long count, int targetOffset = 0)
    {
        Argument.RequireNotNull(buffer);
        RequireRange(offset, count);
        Argument.RequireAtMost(targetOffset, buffer.Length);
        Argument.RequireAtMost(count, buffer.Length - targetOffset, nameof(count));
        _ = SafeRead(buffer.AsSpan(targetOffset, (int)count), ref offset);
    }

    /// <summary>Returns all contents without copying them. The position has no effect.</summary>
    /// <returns>A view of the chunks, which shows later writes to them. Do not use it after the stream was truncated,
    /// its <see cref="Capacity"/> was reduced, or it was disposed; after the last two it throws where the memory is
    /// freed.</returns>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public ReadOnlySequence<byte> GetReadOnlySequence()
    {
        ThrowIfDisposed();
        return _chunks.SequenceOf(_length);
    }

    /// <summary>Returns all contents in one piece without copying them, if they lie in one chunk.</summary>
    /// <param name="contents">A view as by <see cref="GetReadOnlySequence"/>; empty if the result is false.</param>
    /// <returns>True if the stream is no longer than one chunk; otherwise false.</returns>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public bool TryGetContents(out ReadOnlyMemory<byte> contents)
    {
        ReadOnlySequence<byte> sequence = GetReadOnlySequence();
        contents = sequence.IsSingleSegment ? sequence.First : default;
        return sequence.IsSingleSegment;
    }

    /// <summary>Always returns false, because the contents are not in an array.</summary>
    /// <param name="buffer">Empty.</param>
    /// <returns>False.</returns>
#pragma warning disable CA1822 // An instance member, as in MemoryStream.
    public bool TryGetBuffer(out ArraySegment<byte> buffer)
    {
        buffer = default;
        return false;
    }
#pragma warning restore CA1822

    /// <summary>Copies all contents to a new array. The position has no effect.</summary>
    /// <returns>The array.</returns>
    /// <exception cref="InvalidOperationException">The contents are longer than <c>Array.MaxLength</c>.</exception>
    /// <exception cref="NotSupportedException">The stream's manager is set to throw.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public byte[] ToArray()
    {
        ThrowIfDisposed();
        Tracker?.OnToArray(_length);
        if (_length > Array.MaxLength)
        {
            throw new InvalidOperationException(
                $"The stream has {_length} bytes, an array at most {Array.MaxLength}. Call GetReadOnlySequence.");
        }

        return _chunks.SequenceOf(_length).ToArray();
    }

    // Makes all the room in a NativeMemoryStream before the first byte is written, so that it receives all or nothing.
    private static void MakeRoomIn(Stream destination, long count)
    {
        if (count > 0 && destination is NativeMemoryStream native)
        {
            native.EnsureRoom(count);
        }
    }

    private void RequireRange(long offset, long count)
    {
        ThrowIfDisposed();
        Argument.RequireAtMost(offset, _length);
        Argument.RequireAtMost(count, _length - offset);
    }

    // The destination may be this stream. So the end is a parameter, and each turn of the loop looks up its part anew.
    private void WriteRange(long start, long end, Stream destination)
    {
        while (start < end)
        {
            Span<byte> part = _chunks.SpanAt(start, end - start);
            destination.Write(part);
            start += part.Length;
        }
    }

    private async Task CopyRangeAsync(long start, long end, Stream destination, CancellationToken cancellationToken)
    {
        long next = start;
        try
        {
            MakeRoomIn(destination, end - start);
            EndHandout();
            CancellationToken within = destination is NativeMemoryStream ? CancellationToken.None : cancellationToken;
            while (next < end)
            {
                ThrowIfDisposed();
                ReadOnlyMemory<byte> part = _chunks.MemoryAt(next, end - next);
                await destination.WriteAsync(part, within).ConfigureAwait(false);
                next += part.Length;
            }
        }
        catch
        {
            _position = start;
            throw;
        }
    }
}
