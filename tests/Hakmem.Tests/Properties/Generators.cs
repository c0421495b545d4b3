using System.Linq;
using CsCheck;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Properties;

internal static class Generators
{
    private static readonly int[] s_boundaries = [.. BlockSizes.ClassBoundaries.Select(size => (int)size)];

    // Mostly tiny; every class boundary; mid; and, rarely, large up to 20 MiB.
    public static Gen<int> Bytes { get; } = Gen.Frequency(
        (40, Gen.Int[0, 1_024]),
        (20, Gen.OneOf(s_boundaries)),
        (20, Gen.Int[1_025, 65_536]),
        (6, Gen.Int[65_537, 1 << 20]),
        (1, Gen.Int[(1 << 20) + 1, 20 << 20]));

    // Mostly within a span's reach, some that need whole SuperSlabs.
    public static Gen<int> AlignmentLog2 { get; } = Gen.Frequency((12, Gen.Int[0, 12]), (3, Gen.Int[13, 17]), (1, Gen.Int[18, 23]));

    public static Gen<HeapStep> Step(int heaps) => Gen.Select(
        Gen.Frequency(
            (30, HeapAction.Alloc),
            (8, HeapAction.AllocZeroed),
            (6, HeapAction.AlignedAlloc),
            (4, HeapAction.AllocAtLeast),
            (12, HeapAction.Realloc),
            (4, HeapAction.AlignedRealloc),
            (4, HeapAction.TryRealloc),
            (4, HeapAction.TryExpand),
            (28, HeapAction.Free),
            (12, HeapAction.SizedFree),
            (2, HeapAction.FreeWithALie),
            (4, HeapAction.UsableSize),
            (2, HeapAction.Trim)),
        Gen.Int[0, heaps - 1],
        Gen.Int[0, 999],
        Bytes,
        AlignmentLog2,
        (action, heap, slot, bytes, alignment) => new HeapStep(action, heap, slot, bytes, alignment));
}
