using System;

namespace Hakmem;

/// <summary>
/// Thrown when the allocator is handed a pointer that cannot be a live block of the heap: a double free, a foreign, interior or
/// misaligned pointer, or a block of another heap; or when it finds that a block was written to after it was freed, or beyond its
/// ends. The heap itself is intact and goes on working.
/// </summary>
public sealed class HakmemCorruptionException : InvalidOperationException
{
    /// <summary>Creates an exception without detail.</summary>
    public HakmemCorruptionException()
        : this("The pointer is not a live block of this heap.")
    {
    }

    /// <summary>Creates an exception.</summary>
    /// <param name="message">What was found.</param>
    public HakmemCorruptionException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a cause.</summary>
    /// <param name="message">What was found.</param>
    /// <param name="innerException">The cause.</param>
    public HakmemCorruptionException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal HakmemCorruptionException(string message, nuint address, string? allocationStack = null, string? freeStack = null)
        : base(message)
    {
        Address = address;
        AllocationStack = allocationStack;
        FreeStack = freeStack;
    }

    /// <summary>The address of the block in question: the one handed in, or that of an earlier double free that came to light; zero where none is known.</summary>
    public nuint Address { get; }

    /// <summary>
    /// The call stack that allocated the block, a line for each frame; null where it is not known. It is kept for sampled blocks
    /// (<see cref="HakmemOptions.GuardedSampleInterval"/>) and where <see cref="HakmemOptions.CaptureStacks"/> asks for it.
    /// </summary>
    public string? AllocationStack { get; }

    /// <summary>The call stack that freed the block, likewise; null where it is not known or the block was not freed.</summary>
    public string? FreeStack { get; }
}
