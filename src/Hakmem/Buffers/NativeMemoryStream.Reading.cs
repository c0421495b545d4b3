using System;
using System.Buffers;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem;

// Reading, and the views of the whole contents.
public sealed partial class NativeMemoryStream
{
    private long Remaining => Math.Max(0, _length - _position);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    /// <summary>Reads bytes and moves behind them.</summary>
    /// <param name="buffer">Where they go.</param>
    /// <returns>How many there were: less than asked for only at the end of the stream.</returns>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
#if NET
    public override int Read(Span<byte> buffer)
#else
    public int Read(Span<byte> buffer)
#endif
    {
        ThrowIfDisposed();
        EndHandout();
        int count = (int)Math.Min(buffer.Length, Remaining);
        for (int done = 0; done < count;)
        {
            Span<byte> part = _chunks.SpanAt(_position, count - done);
            part.CopyTo(buffer[done..]);
            done += part.Length;
            _position += part.Length;
        }

        return count;
    }

    /// <summary>Reads one byte and moves behind it.</summary>
    /// <returns>The byte, or -1 at the end of the stream.</returns>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
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

    /// <summary>Reads as <see cref="Read(Span{byte})"/> does, and has always completed when it returns.</summary>
    /// <param name="buffer">Where the bytes go.</param>
    /// <param name="cancellationToken">If it is cancelled already, nothing is read.</param>
    /// <returns>The count; exceptions are in the task.</returns>
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

    /// <summary>Writes what lies from the position to the end to another stream, chunk by chunk, and moves to the end.</summary>
    /// <param name="destination">The other stream.</param>
    /// <param name="bufferSize">Not used: the chunks are the buffers. It must be above zero.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bufferSize"/> is not above zero.</exception>
    /// <exception cref="NotSupportedException"><paramref name="destination"/> cannot be written to.</exception>
    /// <exception cref="ObjectDisposedException">One of the streams has been disposed.</exception>
    /// <remarks>
    /// If the other stream refuses, the position is where it was; a part may have been written. If that is a <see
    /// cref="NativeMemoryStream"/>, nothing has been.
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
    /// <param name="cancellationToken">Stops the copying between and, if the other stream can, in the middle of chunks.</param>
    /// <returns>The operation. The stream must not be changed until it has completed.</returns>
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

    /// <summary>Writes the whole contents to another stream, wherever the position is, and leaves it there.</summary>
    /// <param name="stream">The other stream, or this one, which then moves behind what was written at its position.</param>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    /// <exception cref="ObjectDisposedException">One of the streams has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The other is a <see cref="NativeMemoryStream"/>, or this one, and there
    /// is no room; nothing has been written.</exception>
    public void WriteTo(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ThrowIfDisposed();
        if (_length == 0)
        {
            // As a MemoryStream does: a stream whose position is beyond its end is lengthened by it.
            stream.Write([]);
        }
        else if (ReferenceEquals(stream, this))
        {
            // What is written may be what is still to be read.
            using NativeMemoryStream copy = new(_allocator);
            WriteRange(0, _length, copy);
            MakeRoomIn(this, _length);
            copy.WriteRange(0, copy._length, this);
        }
        else
        {
            MakeRoomIn(stream, _length);
            WriteRange(0, _length, stream);
        }
    }

    /// <summary>The whole contents without a copy, wherever the position is.</summary>
    /// <returns>
    /// A view of the chunks. What is written to them later shows; it must not be used once the stream has been cut off, has given back
    /// <see cref="Capacity"/>, or has been disposed, and throws after the last two where the memory is gone.
    /// </returns>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    public ReadOnlySequence<byte> GetReadOnlySequence()
    {
        ThrowIfDisposed();
        return _chunks.SequenceOf(_length);
    }

    /// <summary>The whole contents in one piece and without a copy, if they lie in one chunk.</summary>
    /// <param name="contents">A view as <see cref="GetReadOnlySequence"/> gives it; empty if the result is false.</param>
    /// <returns>Whether they do: always, as long as the stream is no longer than a chunk.</returns>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    public bool TryGetContents(out ReadOnlyMemory<byte> contents)
    {
        ReadOnlySequence<byte> sequence = GetReadOnlySequence();
        contents = sequence.IsSingleSegment ? sequence.First : default;
        return sequence.IsSingleSegment;
    }

    /// <summary>There is never an array behind the stream.</summary>
    /// <param name="buffer">Empty.</param>
    /// <returns>False.</returns>
#pragma warning disable CA1822 // An instance's member, as MemoryStream's is.
    public bool TryGetBuffer(out ArraySegment<byte> buffer)
    {
        buffer = default;
        return false;
    }
#pragma warning restore CA1822

    /// <summary>A copy of the whole contents, wherever the position is.</summary>
    /// <returns>A new array.</returns>
    /// <exception cref="InvalidOperationException">The contents are longer than an array can be.</exception>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    public byte[] ToArray()
    {
        ThrowIfDisposed();
        if (_length > Array.MaxLength)
        {
            throw new InvalidOperationException($"An array has at most {Array.MaxLength} bytes and the stream {_length}.");
        }

        return _chunks.SequenceOf(_length).ToArray();
    }

    // Lets a stream of this kind have all the room before the first byte is written, so that it takes all or nothing.
    private static void MakeRoomIn(Stream destination, long count)
    {
        if (count > 0 && destination is NativeMemoryStream native)
        {
            native.EnsureRoom(count);
        }
    }

    // The stream may be written to meanwhile, if it is its own destination: the end is a value, and each part's place
    // is asked for in its turn.
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
            while (next < end)
            {
                ThrowIfDisposed();
                ReadOnlyMemory<byte> part = _chunks.MemoryAt(next, end - next);
                await destination.WriteAsync(part, cancellationToken).ConfigureAwait(false);
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
