using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;

namespace Hakmem;

// The bytes of an array as a stream: see NativeArrayExtensions.AsStream.
internal sealed unsafe class NativeArrayStream<T>(NativeArray<T> array, FileAccess access) : Stream
    where T : unmanaged
{
    private long _position;
    private bool _isDisposed;

    public override bool CanRead => !_isDisposed && (access & FileAccess.Read) != 0;

    public override bool CanSeek => !_isDisposed;

    public override bool CanWrite => !_isDisposed && (access & FileAccess.Write) != 0;

    public override long Length
    {
        get
        {
            ThrowIfDisposed();
            return array.Length * sizeof(T);
        }
    }

    public override long Position
    {
        get
        {
            ThrowIfDisposed();
            return _position;
        }

        set
        {
            Argument.RequireNotNegative(value);
            ThrowIfDisposed();
            _position = value;
        }
    }

    public override long Seek(long offset, SeekOrigin origin)
    {
        ThrowIfDisposed();
        return _position = StreamPosition.After(offset, origin, _position, Length);
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return ReadBytes(buffer.AsSpan(offset, count));
    }

#if NET
    public override int Read(Span<byte> buffer) => ReadBytes(buffer);

    public override void Write(ReadOnlySpan<byte> buffer) => WriteBytes(buffer);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<int>(cancellationToken)
            : new ValueTask<int>(ReadTask(buffer));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        return new ValueTask(WriteTask(buffer));
    }
#endif

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        return cancellationToken.IsCancellationRequested
            ? Task.FromCanceled<int>(cancellationToken)
            : ReadTask(buffer.AsMemory(offset, count));
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        WriteBytes(buffer.AsSpan(offset, count));
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Stream.ValidateBufferArguments(buffer, offset, count);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        return WriteTask(buffer.AsMemory(offset, count));
    }

    public override void SetLength(long value) =>
        throw new NotSupportedException("The stream has its array's length. Call Resize of the array.");

    public override void Flush()
    {
    }

    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        base.Dispose(disposing);
    }

    // As other streams, the async members throw through their tasks, also what the buffer throws.
    private Task<int> ReadTask(Memory<byte> buffer)
    {
        try
        {
            return Task.FromResult(ReadBytes(buffer.Span));
        }
        catch (Exception failure)
        {
            return Task.FromException<int>(failure);
        }
    }

    private Task WriteTask(ReadOnlyMemory<byte> buffer)
    {
        try
        {
            WriteBytes(buffer.Span);
            return Task.CompletedTask;
        }
        catch (Exception failure)
        {
            return Task.FromException(failure);
        }
    }

    private int ReadBytes(Span<byte> buffer)
    {
        ThrowUnless(CanRead, "read");
        int count = (int)Math.Min(buffer.Length, Math.Max(0, Length - _position));

        // SAFETY: the bytes lie in the array by its length, and the array and its heap are not disposed.
        new ReadOnlySpan<byte>((byte*)array.Pointer + _position, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    private void WriteBytes(ReadOnlySpan<byte> buffer)
    {
        ThrowUnless(CanWrite, "written");
        if (buffer.Length > Math.Max(0, Length - _position))
        {
            throw new NotSupportedException(
                $"{buffer.Length} bytes at {_position} do not fit into the array's {Length} bytes.");
        }

        // SAFETY: as above.
        buffer.CopyTo(new Span<byte>((byte*)array.Pointer + _position, buffer.Length));
        _position += buffer.Length;
    }

    private void ThrowUnless(bool can, string verb)
    {
        ThrowIfDisposed();
        if (!can)
        {
            throw new NotSupportedException($"The stream was created not to be {verb}.");
        }
    }

    private void ThrowIfDisposed()
    {
        if (_isDisposed)
        {
            throw Disposed.Error("Stream of a NativeArray", isHeapGone: false);
        }

        array.ThrowIfDisposed();
    }
}
