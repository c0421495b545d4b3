using System;

namespace Hakmem;

/// <summary>
/// Thrown when the allocator is handed a pointer that cannot be a live block of the heap: a double free, a foreign, interior or
/// misaligned pointer, or a block of another heap. The heap itself is intact and goes on working.
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

    internal HakmemCorruptionException(string message, nuint address)
        : base(message)
    {
        Address = address;
    }

    /// <summary>The address of the block in question: the one handed in, or that of an earlier double free that came to light; zero where none is known.</summary>
    public nuint Address { get; }
}
