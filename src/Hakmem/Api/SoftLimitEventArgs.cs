using System;
using System.Diagnostics;

namespace Hakmem;

/// <summary>What the handlers of <see cref="HakmemAllocator.SoftLimitExceeded"/> are told. Immutable, hence
/// thread-safe.</summary>
/// <param name="bytes">The bytes that were counted when the soft limit was found exceeded.</param>
/// <param name="softBytes">The soft limit in bytes at that time.</param>
[DebuggerDisplay("{Bytes} bytes, above the soft limit of {SoftBytes}")]
public sealed class SoftLimitEventArgs(long bytes, long softBytes) : EventArgs
{
    /// <summary>The bytes that were counted when the soft limit was found exceeded.</summary>
    public long Bytes => bytes;

    /// <summary>The soft limit in bytes at that time.</summary>
    public long SoftBytes => softBytes;
}
