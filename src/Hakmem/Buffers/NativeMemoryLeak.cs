using System;
using System.Diagnostics;

namespace Hakmem;

/// <summary>An owner that was dropped without having been disposed.</summary>
/// <remarks>Its memory has not been freed and will not be: a span or a pointer into it may still be in use.</remarks>
public sealed class NativeMemoryLeak
{
    internal NativeMemoryLeak(long bytes, StackTrace? rentalStack)
    {
        Bytes = bytes;
        RentalStack = rentalStack;
    }

    /// <summary>The size of the rental in bytes, as it was asked for.</summary>
    public long Bytes { get; }

    /// <summary>Where it was rented; null unless the pool's <see cref="NativeMemoryPoolOptions.LeakTracking"/> is <see cref="LeakTracking.Stacks"/>.</summary>
    public StackTrace? RentalStack { get; }

    /// <summary>One sentence, and the stack if there is one.</summary>
    public override string ToString() => RentalStack is null
        ? $"A rental of {Bytes} bytes was dropped undisposed."
        : $"A rental of {Bytes} bytes was dropped undisposed. It was made{Environment.NewLine}{RentalStack}";
}
