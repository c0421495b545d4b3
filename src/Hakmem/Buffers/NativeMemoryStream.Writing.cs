using System;
using System.Buffers;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;

namespace Hakmem;

// Writing, as a stream and as a buffer writer.
public sealed partial class NativeMemoryStream
{
    // The handout is what is left of the room that GetSpan or GetMemory returned last: its size in bytes, zero if there
    // is none, and whether it is the scratch block, from which Advance copies to the chunks, and from where on.
    private int _handoutBytes;
    private int _scratchStart;
    private bool _isHandoutScratch;

    // For requests that do not fit into the chunk at the position. Kept for the next such request, until the capacity
    // is set to no more than it is.
    private NativeBlock? _scratch;

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        Write(buffer.AsSpan(offset, count));
    }

    /// <summary>Writes bytes at the position and moves the position to their end. Bytes between the end of the stream
    /// and a position beyond it become zero.</summary>
    /// <param name="buffer">The bytes. They may be part of the stream, as they are before the call.</param>
    /// <exception cref="IOException">The stream would become longer than 1 TiB.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the stream is unchanged.</exception>
#if NET
    public override void Write(ReadOnlySpan<byte> buffer)
#else
    public void Write(ReadOnlySpan<byte> buffer)
#endif
    {
        ThrowIfDisposed();
        if (_position + buffer.Length > WritableEnd || _position > _length)
        {
            buffer = MakeWritable(buffer);
        }

        EndHandout();
        if (!buffer.IsEmpty)
        {
            Span<byte> part = _chunks.SpanAt(_position, buffer.Length);
            if (part.Length == buffer.Length)
            {
                VectorCopy.Copy(buffer, part);
            }
            else
            {
                WriteParts(buffer);
            }

            _position += buffer.Length;
        }

        _length = Math.Max(_length, _position);
    }

    /// <summary>Writes one byte at the position and moves the position by one.</summary>
    /// <param name="value">The byte.</param>
    /// <exception cref="IOException">The stream would become longer than 1 TiB.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the stream is unchanged.</exception>
    public override void WriteByte(byte value)
    {
        EnsureWritable(1);
        _chunks.SpanAt(_position, 1)[0] = value;
        _position++;
        _length = Math.Max(_length, _position);
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <summary>Writes as <see cref="Write(ReadOnlySpan{byte})"/> does, and completes before it returns.</summary>
    /// <param name="buffer">The bytes.</param>
    /// <param name="cancellationToken">If it is cancelled before the call, nothing is written.</param>
    /// <returns>The completed operation, which contains the exception of a failed write.</returns>
#if NET
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
#else
    public ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
#endif
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        try
        {
            Write(buffer.Span);
            return default;
        }
        catch (Exception failure)
        {
            return ValueTask.FromException(failure);
        }
    }

    /// <summary>Does nothing. The operation has completed when the call returns.</summary>
    /// <param name="cancellationToken">If it is cancelled before the call, the task is cancelled.</param>
    /// <returns>The completed operation.</returns>
    public override Task FlushAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;

    /// <summary>Returns room for bytes at the position. Write to it, then call <see cref="Advance"/>.</summary>
    /// <param name="sizeHint">The least length of the room in bytes. Zero, the default, counts as one.</param>
    /// <returns>The room: in the stream itself if a chunk has enough, otherwise in a block that <see cref="Advance"/>
    /// copies to the stream. It ends with any call that reads, writes, moves the position, or sets the length or the
    /// capacity.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="IOException">The stream would become longer than 1 TiB.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the stream is unchanged.</exception>
    public Span<byte> GetSpan(int sizeHint = 0) =>
        HandOut(sizeHint) ? _scratch!.All.GetSpan()[.._handoutBytes] : _chunks.SpanAt(_position, _handoutBytes);

    /// <inheritdoc cref="GetSpan"/>
    public Memory<byte> GetMemory(int sizeHint = 0) =>
        HandOut(sizeHint) ? _scratch!.All.Slice(0, _handoutBytes) : _chunks.MemoryAt(_position, _handoutBytes);

    /// <summary>Adds bytes to the stream that the caller wrote to the room of <see cref="GetSpan"/> or
    /// <see cref="GetMemory"/>, and moves the position to their end. What is left of the room may be added by further
    /// calls.</summary>
    /// <param name="count">The number of bytes, from zero to the length of the room that is left.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException"><paramref name="count"/> exceeds the length of the room, or another
    /// call has ended the room.</exception>
    /// <exception cref="ObjectDisposedException">The stream or its heap has been disposed.</exception>
    public void Advance(int count)
    {
        ThrowIfDisposed();
        Argument.RequireNotNegative(count);
        if (count > _handoutBytes)
        {
            throw new InvalidOperationException(
                $"Advance({count}) exceeds the room of {_handoutBytes} bytes. Call GetSpan or GetMemory first.");
        }

        if (count == 0)
        {
            return;
        }

        int left = _handoutBytes - count;
        if (_isHandoutScratch)
        {
            int start = _scratchStart;
            Write(_scratch!.All.GetSpan().Slice(start, count));
            _isHandoutScratch = true;
            _scratchStart = start + count;
        }
        else
        {
            // GetSpan made the room; this clears the gap between the end and the position.
            EnsureWritable(count);
            _position += count;
            _length = Math.Max(_length, _position);
        }

        _handoutBytes = left;
    }

    // Prepares the handout of GetSpan. Returns whether it is the scratch block.
    private bool HandOut(int sizeHint)
    {
        Argument.RequireNotNegative(sizeHint);

        int least = Math.Max(sizeHint, 1);
        ThrowIfDisposed();
        if (_chunks.BytesInChunkFrom(_position) >= least)
        {
            EnsureWritable(least);
            _handoutBytes = _chunks.SpanAt(_position, _maxBytes - _position).Length;
            return false;
        }

        EnsureScratch(least);
        _handoutBytes = least;
        _isHandoutScratch = true;
        return true;
    }

    // Creates a scratch block of at least the given bytes, and room for as many in the stream, so that Advance cannot
    // fail. A larger block replaces the old one only when nothing can fail any more, because the old one may be the
    // current handout.
    private void EnsureScratch(int bytes)
    {
        RequireLength(bytes);
        NativeBlock? larger = _scratch?.Bytes >= (nuint)bytes
            ? null
            : new NativeBlock(typeof(NativeMemoryStream), _allocator, (nuint)bytes);
        try
        {
            EnsureWritable(bytes);
        }
        catch
        {
            _ = larger?.TryFree();
            throw;
        }

        if (larger is not null)
        {
            NativeBlock? old = _scratch;
            SetScratch(larger);
            old?.Free();
        }
    }

    // Frees the scratch block, if there is one, and returns the corruption that the heap found, or null.
    private HakmemCorruptionException? TryFreeScratch()
    {
        NativeBlock? scratch = _scratch;
        SetScratch(null);
        return scratch?.TryFree();
    }

    private void SetScratch(NativeBlock? block)
    {
        _scratch = block;
        if (Tracker is { } tracker)
        {
            tracker.ScratchBytes = (long)(block?.Bytes ?? 0);
        }
    }

    // Writes bytes to several chunks from the position on. If the bytes are part of this stream, and so of one chunk,
    // the part that goes to that chunk comes last: it changes the bytes that the other parts are copied from.
    private void WriteParts(ReadOnlySpan<byte> buffer)
    {
        int last = -1;
        for (int done = 0; done < buffer.Length;)
        {
            Span<byte> part = _chunks.SpanAt(_position + done, buffer.Length - done);
            if (buffer.Overlaps(part))
            {
                last = done;
            }
            else
            {
                VectorCopy.Copy(buffer.Slice(done, part.Length), part);
            }

            done += part.Length;
        }

        if (last >= 0)
        {
            Span<byte> part = _chunks.SpanAt(_position + last, buffer.Length - last);
            VectorCopy.Copy(buffer.Slice(last, part.Length), part);
        }
    }

    private void EndHandout()
    {
        _handoutBytes = 0;
        _scratchStart = 0;
        _isHandoutScratch = false;
    }

    // Makes room for bytes at the position, clears the bytes between the end and the position, and ends the handout. If
    // it throws, the handout stays.
    private void EnsureWritable(int count)
    {
        EnsureRoom(count);
        EndHandout();
    }

    // Does the same for any number of bytes and keeps the handout.
    private void EnsureRoom(long count)
    {
        ThrowIfDisposed();
        if (_position + count > WritableEnd || _position > _length)
        {
            MakeWritable(count);
        }
    }

    // Makes room for the given bytes and returns where they are afterwards: growing may move the first chunk, which may
    // contain them.
    private ReadOnlySpan<byte> MakeWritable(ReadOnlySpan<byte> buffer)
    {
        long ownOffset = _chunks.OffsetInFirst(buffer);
        MakeWritable(buffer.Length);
        return ownOffset < 0 ? buffer : _chunks.SpanAt(ownOffset, buffer.Length);
    }

    private void MakeWritable(long count)
    {
        RequireLength(count);
        _chunks.EnsureCapacity(_position + count, _length, _position);
    }

    private void RequireLength(long count)
    {
        if (_position > MaxLength - count)
        {
            throw new IOException($"The stream cannot be longer than {MaxLength} bytes.");
        }

        RequireCapacity(_position + count);
    }
}
