using System;

namespace Hakmem;

/// <summary>
/// How a <see cref="PinnedMemoryPool"/> behaves. Configuration section <c>Hakmem:Kestrel</c> for the one that Kestrel gets. A pool
/// reads the values once, when it is made. Not thread-safe.
/// </summary>
public sealed class PinnedMemoryPoolOptions
{
    /// <summary>
    /// The hard limit in bytes on what the pool holds, in use or not, counted in slabs of 131072 bytes (128 KiB): at least that, or zero
    /// (the default) for none. At the limit a rental fails with an <see cref="OutOfMemoryException"/>.
    /// </summary>
    public long MaxBytes { get; set; }

    /// <summary>
    /// How long memory stays unused before the pool gives it up: at most this long, and at least two thirds of it. From 30 ms to
    /// one day; 10 s by default.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How many free blocks of 4096 bytes one thread may keep for itself, from 0 (none: each rental takes the pool's lock) to 4096;
    /// 64 by default.
    /// </summary>
    public int ThreadCacheBlocks { get; set; } = 64;

    /// <summary>
    /// Whether owners are used again (the default), so that a rental makes no garbage. Then a second
    /// <see cref="IDisposable.Dispose"/> is an <see cref="InvalidOperationException"/> until the same block has been rented
    /// twice more, and a mistake that is not told after that. Without, each rental makes a small object, and a second or late
    /// disposal never does anything.
    /// </summary>
    public bool RecycleOwners { get; set; } = true;

    /// <summary>
    /// Whether the pool asks for a full, compacting garbage collection for what it has given up since the last collection of the oldest
    /// generation, whoever asked for that: when that is a mebibyte or more, and either nothing is rented or it is as much as the pool still
    /// holds and the pool has stopped shrinking. What the pool gives up is garbage, and an idle process may not collect garbage for hours. On
    /// Linux most of it is back with the operating system without one; elsewhere a collection brings it there, for one pause. Null, the
    /// default, asks where the pause is short for what it brings: the managed heap is below 64 MiB, or a quarter of it was the pool's, and
    /// with blocks out 16 MiB or more were given up.
    /// </summary>
    public bool? CollectWhenIdle { get; set; }
}
