using System;
using System.Diagnostics;

namespace Hakmem;

/// <summary>
/// How a <see cref="PinnedMemoryPool"/> behaves. Kestrel's pool has the configuration section <c>Hakmem:Kestrel</c>. A
/// pool reads the values once, when it is created. Not thread-safe.
/// </summary>
[DebuggerDisplay("MaxBytes = {MaxBytes}, IdleTimeout = {IdleTimeout}")]
public sealed class PinnedMemoryPoolOptions
{
    /// <summary>
    /// The most bytes that the pool keeps for reuse, counted in whole slabs of 131072 bytes (128 KiB): at least one
    /// slab, or zero (the default) for no limit. While every block of them is rented, a further rental gets an array of
    /// its own, which is left to the garbage collector when it is returned
    /// (<see cref="PinnedMemoryPoolStatistics.BeyondLimitBytes"/>). With <see cref="RefuseAtLimit"/> it throws.
    /// </summary>
    public long MaxBytes { get; set; }

    /// <summary>
    /// Whether a rental throws <see cref="OutOfMemoryException"/> while every block within <see cref="MaxBytes"/> is
    /// rented. Off by default. For Kestrel it suits endpoints that speak HTTP/1.1 only, where the connection is closed.
    /// </summary>
    /// <remarks>
    /// Kestrel does not survive a failed rental in the output of an HTTP/2 connection: requests of that connection
    /// hang, and the blocks of its pipes stay rented until the process ends, so that in time every connection is
    /// refused.
    /// </remarks>
    public bool RefuseAtLimit { get; set; }

    /// <summary>
    /// How long memory stays unused before the pool drops it: at most this long, and at least two thirds of it. From 30
    /// ms to one day; 10 s by default.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The most free blocks of 4096 bytes that one thread may keep for itself, from 0 (none: each rental takes the
    /// pool's lock) to 4096; 64 by default.
    /// </summary>
    public int ThreadCacheBlocks { get; set; } = 64;

    /// <summary>
    /// Whether owner objects are used again, so that renting makes no garbage once there are enough of them. Off by
    /// default, because then a second <see cref="IDisposable.Dispose"/> of an owner, or a use of its memory after the
    /// first, may reach another renter's buffer. It is on in <see cref="HakmemServiceOptions.Kestrel"/>, since Kestrel
    /// disposes each owner once.
    /// </summary>
    /// <remarks>
    /// This is the same as <see cref="NativeMemoryPoolOptions.RecycleOwners"/>: a returned owner is not used again
    /// before sixteen others have been returned on its thread after it. Until then a second disposal does nothing but
    /// raise <see cref="PinnedMemoryPoolStatistics.LateDisposeCount"/>, and the owner's <c>Memory</c> throws
    /// <see cref="ObjectDisposedException"/>. Later neither can be distinguished from what the new renter does.
    /// </remarks>
    public bool RecycleOwners { get; set; }

    /// <summary>
    /// Whether the pool asks for a full, compacting garbage collection of the memory that it drops. What it drops is
    /// garbage, and an idle process may not collect garbage for hours. On Linux most of it goes to the operating system
    /// without a collection; elsewhere a collection gives it back, for one pause. Null, the default, asks where the
    /// pause is short for what it brings: if the managed heap is below 64 MiB, or a quarter of it was the pool's; and
    /// with blocks rented, if the pool has dropped 16 MiB or more.
    /// </summary>
    /// <remarks>
    /// The pool counts what it has dropped since the last collection of the oldest generation, whatever caused that
    /// collection. It asks for one if that is a mebibyte or more, and either nothing is rented, or it is as much as the
    /// pool still holds and the pool has stopped shrinking.
    /// </remarks>
    public bool? CollectWhenIdle { get; set; }
}
