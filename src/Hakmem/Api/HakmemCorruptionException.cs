using System;
using System.Threading;
using Hakmem.Events;

namespace Hakmem;

/// <summary>
/// Thrown when a call of the allocator passes a pointer that cannot be a live block of the heap: a double free, a
/// foreign, interior or misaligned pointer, or a block of another heap. Also thrown when the allocator finds that the
/// program wrote to a block after freeing it, or beyond the ends of a block. The heap itself is intact and continues to
/// work.
/// </summary>
public sealed class HakmemCorruptionException : InvalidOperationException
{
    // How many reports the library has made. Interlocked.
    private static long s_count;

    /// <summary>Creates an exception with a general message.</summary>
    public HakmemCorruptionException()
        : this("The pointer is not a live block of this heap.")
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">The misuse that was found.</param>
    public HakmemCorruptionException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and a cause.</summary>
    /// <param name="message">The misuse that was found.</param>
    /// <param name="innerException">The cause.</param>
    public HakmemCorruptionException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal HakmemCorruptionException(
        string message, nuint address, string? allocationStack = null, string? freeStack = null)
        : base(message)
    {
        Address = address;
        Interlocked.Increment(ref s_count);
        HakmemEventSource.TellCorruption(message, address);
        AllocationStack = allocationStack;
        FreeStack = freeStack;
    }

    internal static long Count => Interlocked.Read(ref s_count);

    /// <summary>The address of the misused block: the pointer that the call passed, or the block of an earlier double
    /// free that was found; zero if it is not known.</summary>
    public nuint Address { get; }

    /// <summary>
    /// The call stack that allocated the block, one line for each frame; null if it is not known. It is known for
    /// sampled blocks (<see cref="HakmemOptions.GuardedSampleInterval"/>) and with
    /// <see cref="HakmemOptions.CaptureStacks"/>.
    /// </summary>
    public string? AllocationStack { get; }

    /// <summary>The call stack that freed the block, one line for each frame; null if it is not known.</summary>
    public string? FreeStack { get; }
}
