using System.Collections.Generic;

namespace Hakmem;

/// <summary>Every SuperSlab of a heap and what each of its units holds. Get one from <see cref="HakmemAllocator.GetHeapMap"/>.</summary>
/// <remarks>
/// A copy, which later calls do not change. Which SuperSlabs there are, and what is free, dirty or in use in them, is of one moment; how many blocks
/// of a span are out (<see cref="UnitInfo.BlocksOut"/>) is exact while no other thread is in the heap and recent otherwise.
/// </remarks>
public sealed record HakmemHeapMap
{
    /// <summary>The size of a SuperSlab in bytes: 2 MiB.</summary>
    public const int SuperSlabBytes = Records.Geometry.SlabBytes;

    /// <summary>The size of a unit in bytes: 64 KiB.</summary>
    public const int UnitBytes = Records.Geometry.UnitBytes;

    /// <summary>The heap's SuperSlabs, by ascending address: all that count as committed.</summary>
    public IReadOnlyList<SuperSlabInfo> SuperSlabs { get; init; } = [];
}
