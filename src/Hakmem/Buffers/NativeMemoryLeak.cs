using System;
using System.Diagnostics;

namespace Hakmem;

/// <summary>Describes an owner that was dropped without having been disposed.</summary>
/// <remarks>Its memory stays allocated, because a span or a pointer into it may still be in use.</remarks>
[DebuggerDisplay("{Bytes} bytes")]
public sealed class NativeMemoryLeak
{
    internal NativeMemoryLeak(long bytes, StackTrace? rentalStack)
    {
        Bytes = bytes;
        RentalStack = rentalStack;
    }

    /// <summary>The size of the rental in bytes, as it was requested.</summary>
    public long Bytes { get; }

    /// <summary>
    /// The stack that rented it; null unless the pool's <see cref="NativeMemoryPoolOptions.LeakTracking"/> is
    /// <see cref="LeakTracking.Stacks"/>.
    /// </summary>
    public StackTrace? RentalStack { get; }

    /// <summary>Describes the leak in one sentence, followed by the stack if there is one.</summary>
    public override string ToString() => RentalStack is null
        ? $"A rental of {Bytes} bytes was dropped undisposed."
        : $"A rental of {Bytes} bytes was dropped undisposed. It was rented{Environment.NewLine}{RentalStack}";
}
