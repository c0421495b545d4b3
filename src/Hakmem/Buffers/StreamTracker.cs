using System;
using System.Diagnostics;
using System.Threading;

namespace Hakmem;

// What a manager knows of one of its streams. The stream has it, so that its finalizer finds a stream that was dropped
// undisposed. The finalizer reports and never frees: a span or a memory of the stream may still be in use.
internal sealed class StreamTracker
{
    private readonly NativeMemoryStreamManager _manager;
    private readonly StreamChunks _chunks;
    private readonly long _createdAt = Stopwatch.GetTimestamp();

    // 1 once the stream is disposed or was found dropped: it counts as one of the two. Interlocked. Also 1 until the
    // constructor is done, since the finalizer of an object whose constructor threw runs too.
    private int _isEnded = 1;

    public StreamTracker(NativeMemoryStreamManager manager, StreamChunks chunks, Guid id, string? tag)
    {
        _manager = manager;
        _chunks = chunks;
        Id = id;
        Tag = tag;
        AllocationStack = CaptureStack();
        _isEnded = 0;
    }

    // The finalizer of whoever owns the stream may have disposed it, or may do so yet.
    ~StreamTracker()
    {
        if (TryEnd())
        {
            _manager.OnFinalized(this, _chunks.Capacity + ScratchBytes);
        }
    }

    public Guid Id { get; }

    public string? Tag { get; }

    // Null unless the manager captures stacks, as the other stacks.
    public StackTrace? AllocationStack { get; }

    // Null before the disposal.
    public StackTrace? DisposeStack { get; private set; }

    // What the stream has beside its chunks.
    public long ScratchBytes { get; set; }

    public TimeSpan Age => TimeSpan.FromSeconds((Stopwatch.GetTimestamp() - _createdAt) / (double)Stopwatch.Frequency);

    // The stream never came to its caller, or is disposed.
#pragma warning disable CA1816 // The stream calls this, in its Dispose.
    public void End() => GC.SuppressFinalize(this);
#pragma warning restore CA1816

    public void OnDisposed(long length)
    {
        End();
        try
        {
            DisposeStack = CaptureStack();
        }
        finally
        {
            if (TryEnd())
            {
                _manager.OnDisposed(this, length);
            }
        }
    }

    public void OnDisposedAgain() => _manager.OnDoubleDisposed(this);

    // Throws if the manager allows no arrays.
    public void OnToArray(long length) => _manager.OnToArray(this, length);

    // Returns the exception to throw.
    public OutOfMemoryException OverCapacity(long requestedBytes, long maxBytes)
    {
        _manager.OnOverCapacity(this, requestedBytes, maxBytes);
        return new OutOfMemoryException(
            $"The stream{(Tag is null ? "" : $" '{Tag}'")} cannot have {requestedBytes} bytes: " +
            $"its manager's limit is {maxBytes} bytes.");
    }

    // Null unless the manager captures stacks.
    public StackTrace? CaptureStack() =>
        _manager.Options.CaptureStacks ? TrackedMemoryOwner<byte>.CaptureStack() : null;

    private bool TryEnd() => Interlocked.Exchange(ref _isEnded, 1) == 0;
}
