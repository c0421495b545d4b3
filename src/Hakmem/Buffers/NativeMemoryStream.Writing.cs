using System;
using System.Buffers;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem;

// Writing, as a stream and as a buffer writer.
public sealed partial class NativeMemoryStream
{
    // What GetSpan or GetMemory handed out last, until Advance: how many bytes, and whether they are the scratch block's, which
    // Advance then copies to where they belong. Zero if nothing is handed out.
    private int _handoutBytes;
    private bool _isHandoutScratch;

    // For requests that no chunk has room for at the position. Kept for the next one.
    private NativeBlock? _scratch;

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        Write(buffer.AsSpan(offset, count));
    }

    /// <summary>Writes bytes at the position and moves behind them. Bytes between the end and a position beyond it become zeros.</summary>
    /// <param name="buffer">The bytes. They may be some of the stream's own; what is written is what they were before.</param>
    /// <exception cref="IOException">The stream would become longer than a stream can be.</exception>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the stream is as it was.</exception>
#if NET
    public override void Write(ReadOnlySpan<byte> buffer)
#else
    public void Write(ReadOnlySpan<byte> buffer)
#endif
    {
        ThrowIfDisposed();
        if (_position + buffer.Length > _chunks.Capacity || _position > _length)
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

    /// <summary>Writes one byte at the position and moves behind it.</summary>
    /// <param name="value">The byte.</param>
    /// <exception cref="IOException">The stream would become longer than a stream can be.</exception>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the stream is as it was.</exception>
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

    /// <summary>Writes as <see cref="Write(ReadOnlySpan{byte})"/> does, and has always completed when it returns.</summary>
    /// <param name="buffer">The bytes.</param>
    /// <param name="cancellationToken">If it is cancelled already, nothing is written.</param>
    /// <returns>The operation; exceptions are in the task.</returns>
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

    /// <summary>Does nothing, and has completed when it returns.</summary>
    /// <param name="cancellationToken">If it is cancelled already, so is the task.</param>
    /// <returns>The operation.</returns>
    public override Task FlushAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;

    /// <summary>Room for at least so many bytes at the position, to be followed by <see cref="Advance"/>.</summary>
    /// <param name="sizeHint">The least length, from zero, which asks for at least one byte.</param>
    /// <returns>The room: in the stream itself where a chunk has enough, else in a block that <see cref="Advance"/> copies from. Any other call that reads, writes, moves the position, or sets length or capacity ends it.</returns>
    /// <exception cref="ArgumentException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="IOException">The stream would become longer than a stream can be.</exception>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the stream is as it was.</exception>
    public Span<byte> GetSpan(int sizeHint = 0) =>
        HandOut(sizeHint) ? _scratch!.All.GetSpan()[.._handoutBytes] : _chunks.SpanAt(_position, int.MaxValue);

    /// <inheritdoc cref="GetSpan"/>
    public Memory<byte> GetMemory(int sizeHint = 0) =>
        HandOut(sizeHint) ? _scratch!.All.Slice(0, _handoutBytes) : _chunks.MemoryAt(_position, int.MaxValue);

    /// <summary>Says that bytes were written to what <see cref="GetSpan"/> or <see cref="GetMemory"/> gave, and moves the position behind them.</summary>
    /// <param name="count">How many, from zero to the length of what was given.</param>
    /// <exception cref="ArgumentException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">That is more than was given, or nothing was since the last other call.</exception>
    /// <exception cref="ObjectDisposedException">The stream has been disposed.</exception>
    public void Advance(int count)
    {
        ThrowIfDisposed();
        if (count < 0)
        {
            throw new ArgumentException("The count must not be negative.", nameof(count));
        }

        if (count > _handoutBytes)
        {
            throw new InvalidOperationException($"Cannot advance by {count} bytes: {_handoutBytes} were given.");
        }

        bool isScratch = _isHandoutScratch;
        EndHandout();
        if (count == 0)
        {
            return;
        }

        if (isScratch)
        {
            Write(_scratch!.All.GetSpan()[..count]);
        }
        else
        {
            // The room was there when it was handed out; what is left is the gap before it.
            EnsureWritable(count);
            _position += count;
            _length = Math.Max(_length, _position);
        }
    }

    // Prepares what GetSpan gives: true if that is the scratch block.
    private bool HandOut(int sizeHint)
    {
        if (sizeHint < 0)
        {
            throw new ArgumentException("The size hint must not be negative.", nameof(sizeHint));
        }

        int least = Math.Max(sizeHint, 1);
        ThrowIfDisposed();
        if (_chunks.BytesInChunkFrom(_position) >= least)
        {
            EnsureWritable(least);
            _handoutBytes = _chunks.SpanAt(_position, int.MaxValue).Length;
            return false;
        }

        EnsureScratch(least);
        _handoutBytes = least;
        _isHandoutScratch = true;
        return true;
    }

    // Makes a scratch block of at least so many bytes, and room for as many in the stream, so that Advance finds it. A
    // larger block takes the place of the one before when nothing can be refused any more: that may be handed out.
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
            _scratch = larger;
            old?.Free();
        }
    }

    // Writes bytes that go to several chunks, at the position. If they are of this stream themselves, and so of one
    // chunk, the part that goes to this one comes last: it would change what the others are copied from.
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
        _isHandoutScratch = false;
    }

    // Makes room for bytes at the position, and zeros of what lies between the end and the position. What was handed
    // out ends with it, unless it is refused.
    private void EnsureWritable(int count)
    {
        EnsureRoom(count);
        EndHandout();
    }

    // The same for any number of bytes, which leaves alone what was handed out.
    private void EnsureRoom(long count)
    {
        ThrowIfDisposed();
        if (_position + count > _chunks.Capacity || _position > _length)
        {
            MakeWritable(count);
        }
    }

    // The same for given bytes, and where those are afterwards: growing may move the first chunk, which they may be of.
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
            throw new IOException("The stream was too long.");
        }
    }
}
