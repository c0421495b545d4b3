using System;
using System.Diagnostics;
using System.Numerics;
using System.Threading;
using Hakmem.Api;
using Hakmem.Events;
using Hakmem.Os;

namespace Hakmem;

/// <summary>
/// Creates streams that have names, limits and events in common. It stands in for a
/// <c>RecyclableMemoryStreamManager</c>, but keeps no memory: its allocator does.
/// </summary>
/// <remarks>
/// <para>
/// Thread-safe. A handler runs on the thread whose call raises the event, and its exceptions end that call. With
/// <see cref="StreamDisposed"/> and <see cref="StreamDoubleDisposed"/> its work is done by then. With
/// <see cref="StreamConvertedToArray"/> no array is made, and with <see cref="StreamOverCapacity"/> the handler's
/// exception takes the place of the <see cref="OutOfMemoryException"/>. With <see cref="StreamCreated"/> the stream is
/// disposed without a <see cref="StreamDisposed"/>, although handlers before this one have seen it.
/// </para>
/// <para>
/// A handler of <see cref="StreamFinalized"/> runs on the finalizer thread and must not throw. Where managed memory is
/// out, the stream is counted and the event is not raised.
/// </para>
/// <para>The streams must be disposed. One that is dropped is reported, and its memory is not freed.</para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed class NativeMemoryStreamManager
{
    private readonly HakmemAllocator _allocator;

    // Counted by interlocked operations on any thread.
    private long _createdCount;
    private long _disposedCount;
    private long _leakedCount;
    private long _doubleDisposedCount;
    private long _overCapacityCount;
    private long _convertedToArrayCount;

    /// <summary>Creates a manager of streams on <see cref="HakmemAllocator.Shared"/>.</summary>
    public NativeMemoryStreamManager()
        : this(HakmemAllocator.Shared)
    {
    }

    /// <summary>Creates a manager.</summary>
    /// <param name="allocator">Where the streams' memory comes from: a heap, the view of a <see cref="MemoryTag"/>, or
    /// a class of your own.</param>
    /// <param name="options">The settings; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public NativeMemoryStreamManager(IHakmemAllocator allocator, NativeMemoryStreamManagerOptions? options = null)
    {
        _allocator = ForeignHeap.FrontOf(allocator);
        Options = options ?? new NativeMemoryStreamManagerOptions();
        if (Options.MaxStreamBytes < 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), Options.MaxStreamBytes, "MaxStreamBytes must be 0 or the most bytes of a stream.");
        }

        NativeMemoryStream.RequireChunkBytes(Options.ChunkBytes, nameof(options));
    }

    /// <summary>Raised when a stream was created. If a handler throws, the stream is disposed, without a
    /// <see cref="StreamDisposed"/>.</summary>
    public event EventHandler<NativeMemoryStreamCreatedEventArgs>? StreamCreated;

    /// <summary>Raised when a stream was disposed, after its memory was freed.</summary>
    public event EventHandler<NativeMemoryStreamDisposedEventArgs>? StreamDisposed;

    /// <summary>Raised when a disposed stream is disposed again, which does nothing else.</summary>
    public event EventHandler<NativeMemoryStreamDoubleDisposedEventArgs>? StreamDoubleDisposed;

    /// <summary>Raised on the finalizer thread for a stream that was dropped undisposed.</summary>
    public event EventHandler<NativeMemoryStreamEventArgs>? StreamFinalized;

    /// <summary>Raised when <see cref="NativeMemoryStream.ToArray"/> is called, before the array is made.</summary>
    public event EventHandler<NativeMemoryStreamConvertedToArrayEventArgs>? StreamConvertedToArray;

    /// <summary>Raised before an exception says that a stream would become too long.</summary>
    public event EventHandler<NativeMemoryStreamOverCapacityEventArgs>? StreamOverCapacity;

    /// <summary>The settings.</summary>
    public NativeMemoryStreamManagerOptions Options { get; }

    private string DebuggerDisplay
    {
        get
        {
            NativeMemoryStreamManagerStatistics counts = GetStatistics();
            return FormattableString.Invariant($"{counts.OpenCount} open, {counts.LeakedCount} leaked");
        }
    }

    /// <summary>Creates an empty stream.</summary>
    /// <returns>The stream. Dispose it.</returns>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public NativeMemoryStream GetStream() => GetStream(Guid.NewGuid(), tag: null);

    /// <summary>Creates an empty stream with a number of your own.</summary>
    /// <param name="id">What events call the stream.</param>
    /// <inheritdoc cref="GetStream()"/>
    public NativeMemoryStream GetStream(Guid id) => GetStream(id, tag: null);

    /// <summary>Creates an empty stream with a name.</summary>
    /// <param name="tag">What events call the stream, or null. Several streams may have one name.</param>
    /// <inheritdoc cref="GetStream()"/>
    public NativeMemoryStream GetStream(string? tag) => GetStream(Guid.NewGuid(), tag);

    /// <summary>Creates an empty stream with a number of your own and a name.</summary>
    /// <param name="id">What events call the stream.</param>
    /// <param name="tag">What events call the stream, or null.</param>
    /// <inheritdoc cref="GetStream()"/>
    public NativeMemoryStream GetStream(Guid id, string? tag) => GetStream(id, tag, requestedBytes: 0);

    /// <summary>Creates an empty stream that has memory for a number of bytes.</summary>
    /// <param name="tag">What events call the stream, or null.</param>
    /// <param name="requestedBytes">The capacity in bytes, from zero.</param>
    /// <param name="isContiguous">True for one chunk: the next power of two, up to 1 GiB, so that
    /// <see cref="NativeMemoryStream.TryGetContents"/> returns contents up to it in one piece.</param>
    /// <returns>The stream. Dispose it.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="requestedBytes"/> is negative or above 1 TiB.
    /// </exception>
    /// <exception cref="OutOfMemoryException">There is no room, or the size exceeds
    /// <see cref="NativeMemoryStreamManagerOptions.MaxStreamBytes"/>.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public NativeMemoryStream GetStream(string? tag, long requestedBytes, bool isContiguous = false) =>
        GetStream(Guid.NewGuid(), tag, requestedBytes, isContiguous);

    /// <inheritdoc cref="GetStream(string, long, bool)"/>
    /// <param name="id">What events call the stream.</param>
    /// <param name="tag">What events call the stream, or null.</param>
    /// <param name="requestedBytes">The capacity in bytes, from zero.</param>
    /// <param name="isContiguous">True for one chunk: the next power of two, up to 1 GiB, so that
    /// <see cref="NativeMemoryStream.TryGetContents"/> returns contents up to it in one piece.</param>
    public NativeMemoryStream GetStream(Guid id, string? tag, long requestedBytes, bool isContiguous = false) =>
        Create(id, tag, requestedBytes, isContiguous, contents: default);

    /// <summary>Creates a stream with a copy of bytes, at whose start it stands.</summary>
    /// <param name="contents">The bytes.</param>
    /// <returns>The stream. Dispose it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="contents"/> is null.</exception>
    /// <inheritdoc cref="GetStream(Guid, string, ReadOnlySpan{byte})" path="/exception"/>
    public NativeMemoryStream GetStream(byte[] contents)
    {
        Argument.RequireNotNull(contents);
        return GetStream(contents.AsSpan());
    }

    /// <param name="contents">The bytes.</param>
    /// <inheritdoc cref="GetStream(Guid, string, ReadOnlySpan{byte})"/>
    public NativeMemoryStream GetStream(ReadOnlySpan<byte> contents) =>
        GetStream(Guid.NewGuid(), tag: null, contents);

    /// <param name="tag">What events call the stream, or null.</param>
    /// <param name="contents">The bytes.</param>
    /// <inheritdoc cref="GetStream(Guid, string, ReadOnlySpan{byte})"/>
    public NativeMemoryStream GetStream(string? tag, ReadOnlySpan<byte> contents) =>
        GetStream(Guid.NewGuid(), tag, contents);

    /// <summary>Creates a stream with a copy of bytes, at whose start it stands.</summary>
    /// <param name="id">What events call the stream.</param>
    /// <param name="tag">What events call the stream, or null.</param>
    /// <param name="contents">The bytes.</param>
    /// <returns>The stream. Dispose it.</returns>
    /// <exception cref="OutOfMemoryException">There is no room, or the bytes exceed
    /// <see cref="NativeMemoryStreamManagerOptions.MaxStreamBytes"/>.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public NativeMemoryStream GetStream(Guid id, string? tag, ReadOnlySpan<byte> contents) =>
        Create(id, tag, contents.Length, isContiguous: false, contents);

    /// <param name="tag">What events call the stream, or null.</param>
    /// <param name="buffer">An array with the bytes.</param>
    /// <param name="offset">The index of the first.</param>
    /// <param name="count">The number of bytes.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buffer"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <inheritdoc cref="GetStream(Guid, string, ReadOnlySpan{byte})"/>
    public NativeMemoryStream GetStream(string? tag, byte[] buffer, int offset, int count) =>
        GetStream(Guid.NewGuid(), tag, buffer, offset, count);

    /// <param name="id">What events call the stream.</param>
    /// <param name="tag">What events call the stream, or null.</param>
    /// <param name="buffer">An array with the bytes.</param>
    /// <param name="offset">The index of the first.</param>
    /// <param name="count">The number of bytes.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buffer"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <inheritdoc cref="GetStream(Guid, string, ReadOnlySpan{byte})"/>
    public NativeMemoryStream GetStream(Guid id, string? tag, byte[] buffer, int offset, int count)
    {
        Argument.RequireNotNull(buffer);
        return GetStream(id, tag, buffer.AsSpan(offset, count));
    }

    /// <summary>Returns counts. Each is recent while other threads use streams.</summary>
    /// <returns>The counts.</returns>
    public NativeMemoryStreamManagerStatistics GetStatistics()
    {
        long ended = Interlocked.Read(ref _disposedCount) + Interlocked.Read(ref _leakedCount);
        long created = Interlocked.Read(ref _createdCount);
        return new NativeMemoryStreamManagerStatistics(
            created - ended,
            created,
            Interlocked.Read(ref _leakedCount),
            Interlocked.Read(ref _doubleDisposedCount),
            Interlocked.Read(ref _overCapacityCount),
            Interlocked.Read(ref _convertedToArrayCount));
    }

    // Here and below the count comes first, and nothing is allocated unless somebody listens: managed memory may be
    // out.
    internal void OnDisposed(StreamTracker stream, long length)
    {
        Interlocked.Increment(ref _disposedCount);
        if (StreamDisposed is { } disposed)
        {
            ManagedMemory.Need();
            disposed(this, new NativeMemoryStreamDisposedEventArgs(stream, length));
        }
    }

    internal void OnDoubleDisposed(StreamTracker stream)
    {
        Interlocked.Increment(ref _doubleDisposedCount);
        if (StreamDoubleDisposed is { } disposed)
        {
            ManagedMemory.Need();
            disposed(this, new NativeMemoryStreamDoubleDisposedEventArgs(stream, stream.CaptureStack()));
        }
    }

    // Runs on the finalizer thread, where an exception would end the process: where managed memory is out, all but the
    // count is lost.
    internal void OnFinalized(StreamTracker stream, long bytes)
    {
        Interlocked.Increment(ref _leakedCount);
        try
        {
            HakmemEventSource.TellLeak(bytes);
            StreamFinalized?.Invoke(this, new NativeMemoryStreamEventArgs(stream));
        }
        catch (OutOfMemoryException)
        {
        }
    }

    internal void OnToArray(StreamTracker stream, long length)
    {
        Interlocked.Increment(ref _convertedToArrayCount);
        StreamConvertedToArray?.Invoke(
            this, new NativeMemoryStreamConvertedToArrayEventArgs(stream, length, stream.CaptureStack()));
        if (Options.ThrowsOnToArray)
        {
            throw new NotSupportedException("The stream's manager is set to throw where ToArray is called.");
        }
    }

    internal void OnOverCapacity(StreamTracker stream, long requestedBytes, long maxBytes)
    {
        Interlocked.Increment(ref _overCapacityCount);
        StreamOverCapacity?.Invoke(
            this, new NativeMemoryStreamOverCapacityEventArgs(stream, requestedBytes, maxBytes));
    }

    private NativeMemoryStream Create(
        Guid id, string? tag, long requestedBytes, bool isContiguous, ReadOnlySpan<byte> contents)
    {
        Argument.RequireNotNegative(requestedBytes);
        int chunkBytes = Options.ChunkBytes;
        if (isContiguous && requestedBytes > chunkBytes)
        {
            long wanted = Math.Min(requestedBytes, NativeMemoryStream.MaxChunkBytes);
            chunkBytes = (int)BitOperations.RoundUpToPowerOf2((uint)wanted);
        }

        NativeMemoryStream stream = new(this, _allocator, chunkBytes, id, tag);
        bool isCounted = false;
        try
        {
            if (requestedBytes > 0)
            {
                stream.Capacity = requestedBytes;
            }

            stream.Write(contents);
            stream.Position = 0;
            Interlocked.Increment(ref _createdCount);
            isCounted = true;
            if (StreamCreated is { } created)
            {
                created(this, new NativeMemoryStreamCreatedEventArgs(stream.Tracker!, requestedBytes, stream.Capacity));
            }

            return stream;
        }
        catch
        {
            Interlocked.Add(ref _createdCount, isCounted ? -1 : 0);
            stream.Abandon();
            throw;
        }
    }
}
