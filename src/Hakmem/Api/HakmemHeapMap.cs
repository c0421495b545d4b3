using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace Hakmem;

/// <summary>Every SuperSlab of a heap and the contents of each of its units, as
/// <see cref="HakmemAllocator.GetHeapMap"/> returns them.</summary>
/// <remarks>
/// A copy, which later calls do not change. The list of SuperSlabs, and which of their units are free, dirty or in use,
/// is of one moment. The number of a span's blocks that are out (<see cref="UnitInfo.BlocksOut"/>) is exact while no
/// other thread is in a call of the heap; otherwise it is recent.
/// </remarks>
[DebuggerDisplay("{SuperSlabs.Count} SuperSlabs")]
public sealed record HakmemHeapMap
{
    /// <summary>The size of a SuperSlab in bytes: 2 MiB.</summary>
    public const int SuperSlabBytes = Records.Geometry.SlabBytes;

    /// <summary>The size of a unit in bytes: 64 KiB.</summary>
    public const int UnitBytes = Records.Geometry.UnitBytes;

    /// <summary>All committed SuperSlabs of the heap, by ascending address.</summary>
    public IReadOnlyList<SuperSlabInfo> SuperSlabs { get; init; } = [];
}

/// <summary>One SuperSlab (2 MiB) of a <see cref="HakmemHeapMap"/>.</summary>
/// <param name="Address">The address of its first byte; a multiple of 2 MiB.</param>
/// <param name="Kind">What the heap uses it for.</param>
/// <param name="RunLength">The number of SuperSlabs of the large run that begins here; zero if none does.</param>
/// <param name="DirtyBytes">How many of its bytes may have physical pages: 0 to 2 MiB, a multiple of the size of the
/// system's pages.</param>
/// <param name="Units">Its 32 units, by ascending address.</param>
[DebuggerDisplay("{Kind}, {DirtyBytes} bytes dirty")]
public readonly record struct SuperSlabInfo(
    nuint Address, SuperSlabKind Kind, int RunLength, long DirtyBytes, ReadOnlyMemory<UnitInfo> Units);

/// <summary>One unit (64 KiB) of a SuperSlab in a <see cref="HakmemHeapMap"/>.</summary>
/// <param name="Kind">What it contains.</param>
/// <param name="IsFirst">Whether a span, a run or the range of a guarded block begins here.</param>
/// <param name="BlockBytes">The size of the span's blocks in bytes; zero if the unit is not part of a span.</param>
/// <param name="BlockCount">The number of blocks of the whole span, 1 to 4096; zero outside of a span.</param>
/// <param name="BlocksOut">How many of the span's blocks are out of it: callers hold them, or they are free in a thread
/// cache or depot. From zero to <paramref name="BlockCount"/>, and the same value for each unit of a span.</param>
[DebuggerDisplay("{Kind}, {BlocksOut} of {BlockCount} blocks of {BlockBytes} bytes out")]
public readonly record struct UnitInfo(UnitKind Kind, bool IsFirst, int BlockBytes, int BlockCount, int BlocksOut);

/// <summary>What a heap uses one of its SuperSlabs (2 MiB) for.</summary>
public enum SuperSlabKind
{
    /// <summary>Spans of blocks, growable runs, ranges of guarded blocks and free units.</summary>
    Spans = 0,

    /// <summary>Part of one block of whole SuperSlabs, which may be guarded.</summary>
    LargeRun = 1,

    /// <summary>Empty and kept for reuse; it may have physical pages.</summary>
    CachedDirty = 2,

    /// <summary>Empty and kept for reuse; its pages were discarded, or never accessed.</summary>
    CachedClean = 3,

    /// <summary>Empty, and a thread is discarding its pages or releasing it.</summary>
    Purging = 4,
}

/// <summary>What one unit (64 KiB) of a SuperSlab contains.</summary>
public enum UnitKind
{
    /// <summary>Nothing. Its memory is known to be zero: not used since it was committed or last discarded.</summary>
    FreeClean = 0,

    /// <summary>Nothing. It was used before and may have physical pages.</summary>
    FreeDirty = 1,

    /// <summary>Blocks of one size class: part of a span.</summary>
    Span = 2,

    /// <summary>Part of one block between 64 KiB and 2 MiB that <see cref="IHakmemAllocator.Realloc(void*, nuint)"/>
    /// has grown, and can grow further in place.</summary>
    GrowableRun = 3,

    /// <summary>Part of one block of whole SuperSlabs.</summary>
    LargeRun = 4,

    /// <summary>In use, and a thread is opening, closing or resizing its contents.</summary>
    Changing = 5,

    /// <summary>
    /// Part of the range of one guarded block: the block, its guard pages and the bytes between them. The range of a
    /// freed block stays in quarantine for a while. See <see cref="HardeningLevel.Full"/> and
    /// <see cref="HakmemOptions.GuardedSampleInterval"/>.
    /// </summary>
    Guarded = 6,
}
