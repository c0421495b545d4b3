using System;
using System.Diagnostics;

namespace Hakmem;

/// <summary>Which stream of a <see cref="NativeMemoryStreamManager"/> an event is about.</summary>
[DebuggerDisplay("{Tag}, {Id}")] // Of the derived classes too: it is inherited.
public class NativeMemoryStreamEventArgs : EventArgs
{
    internal NativeMemoryStreamEventArgs(StreamTracker stream)
    {
        Id = stream.Id;
        Tag = stream.Tag;
        AllocationStack = stream.AllocationStack;
    }

    /// <summary>The stream's number, which was given to <c>GetStream</c> or is a new one.</summary>
    public Guid Id { get; }

    /// <summary>The name that was given to <c>GetStream</c>, or null.</summary>
    public string? Tag { get; }

    /// <summary>The call stack that created the stream; null unless
    /// <see cref="NativeMemoryStreamManagerOptions.CaptureStacks"/> is set.</summary>
    public StackTrace? AllocationStack { get; }
}

/// <summary>A stream was created.</summary>
public sealed class NativeMemoryStreamCreatedEventArgs : NativeMemoryStreamEventArgs
{
    internal NativeMemoryStreamCreatedEventArgs(StreamTracker stream, long requestedBytes, long capacityBytes)
        : base(stream)
    {
        RequestedBytes = requestedBytes;
        CapacityBytes = capacityBytes;
    }

    /// <summary>The size in bytes that was requested, or zero.</summary>
    public long RequestedBytes { get; }

    /// <summary>The size in bytes of the memory that the stream has.</summary>
    public long CapacityBytes { get; }
}

/// <summary>A stream was disposed.</summary>
public sealed class NativeMemoryStreamDisposedEventArgs : NativeMemoryStreamEventArgs
{
    internal NativeMemoryStreamDisposedEventArgs(StreamTracker stream, long length)
        : base(stream)
    {
        Length = length;
        Lifetime = stream.Age;
        DisposeStack = stream.DisposeStack;
    }

    /// <summary>The length of the stream in bytes.</summary>
    public long Length { get; }

    /// <summary>The time since the stream was created.</summary>
    public TimeSpan Lifetime { get; }

    /// <summary>The call stack that disposed the stream; null unless
    /// <see cref="NativeMemoryStreamManagerOptions.CaptureStacks"/> is set.</summary>
    public StackTrace? DisposeStack { get; }
}

/// <summary>A stream was disposed that had been disposed before.</summary>
public sealed class NativeMemoryStreamDoubleDisposedEventArgs : NativeMemoryStreamEventArgs
{
    internal NativeMemoryStreamDoubleDisposedEventArgs(StreamTracker stream, StackTrace? second)
        : base(stream)
    {
        FirstDisposeStack = stream.DisposeStack;
        SecondDisposeStack = second;
    }

    /// <summary>The call stack that disposed the stream first; null unless
    /// <see cref="NativeMemoryStreamManagerOptions.CaptureStacks"/> is set.</summary>
    public StackTrace? FirstDisposeStack { get; }

    /// <summary>The call stack of this disposal; null unless
    /// <see cref="NativeMemoryStreamManagerOptions.CaptureStacks"/> is set.</summary>
    public StackTrace? SecondDisposeStack { get; }
}

/// <summary><see cref="NativeMemoryStream.ToArray"/> was called.</summary>
public sealed class NativeMemoryStreamConvertedToArrayEventArgs : NativeMemoryStreamEventArgs
{
    internal NativeMemoryStreamConvertedToArrayEventArgs(StreamTracker stream, long length, StackTrace? stack)
        : base(stream)
    {
        Length = length;
        Stack = stack;
    }

    /// <summary>The length of the stream in bytes.</summary>
    public long Length { get; }

    /// <summary>The call stack of the call; null unless
    /// <see cref="NativeMemoryStreamManagerOptions.CaptureStacks"/> is set.</summary>
    public StackTrace? Stack { get; }
}

/// <summary>A stream was to become longer than its manager allows.</summary>
public sealed class NativeMemoryStreamOverCapacityEventArgs : NativeMemoryStreamEventArgs
{
    internal NativeMemoryStreamOverCapacityEventArgs(StreamTracker stream, long requestedBytes, long maxBytes)
        : base(stream)
    {
        RequestedBytes = requestedBytes;
        MaxBytes = maxBytes;
    }

    /// <summary>The length or capacity in bytes that was refused.</summary>
    public long RequestedBytes { get; }

    /// <summary>The most bytes of a stream:
    /// <see cref="NativeMemoryStreamManagerOptions.MaxStreamBytes"/>.</summary>
    public long MaxBytes { get; }
}
