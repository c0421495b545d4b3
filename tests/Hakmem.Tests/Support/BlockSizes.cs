using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Tests.Support;

// The sizes that tests walk over. The classes are restated here rather than asked of the allocator: multiples of 16 up to 128,
// then 8 per doubling up to 1 MiB; above that, runs of whole 2 MiB SuperSlabs.
internal static class BlockSizes
{
    public const nuint KiB = 1024;
    public const nuint MiB = 1024 * KiB;
    public const nuint LargestClass = MiB;
    public const nuint SuperSlab = 2 * MiB;

    // One size of each route through the allocator.
    public const nuint Tiny = 64;
    public const nuint Mid = 100 * KiB;
    public const nuint Large = 10 * MiB;

    public static IReadOnlyList<nuint> Classes { get; } = [.. EnumerateClasses()];

    // One below, at and one above every class.
    public static IReadOnlyList<nuint> ClassBoundaries { get; } =
        [.. Classes.SelectMany<nuint, nuint>(size => [size - 1, size, size + 1]).Distinct().Order()];

    public static IReadOnlyList<nuint> LargeSizes { get; } =
        [MiB + 1, SuperSlab - 1, SuperSlab, SuperSlab + 1, 3 * MiB, (2 * SuperSlab) + 4096, Large, (20 * MiB) + 1];

    // Sizes that no machine can have, or that overflow when they are rounded up.
    public static IReadOnlyList<nuint> Impossible { get; } =
    [
        nuint.MaxValue,
        nuint.MaxValue - 15,
        nuint.MaxValue - 4095,
        nuint.MaxValue - SuperSlab,
        nuint.MaxValue >> 1,
        .. ImpossiblePowers,
    ];

    // Powers of two that cannot be had as a size or an alignment. A 32-bit process has addresses for a quarter of them.
    public static IReadOnlyList<nuint> ImpossiblePowers =>
        nint.Size == 8 ? [(nuint)1 << 63, (nuint)1 << 62, (nuint)1 << 47] : [(nuint)1 << 31];

    // The class a size belongs to.
    public static nuint ClassOf(nuint bytes) => Classes.First(size => size >= bytes);

    // A size as programs ask for them: mostly tiny, some mid. Never large.
    public static nuint RandomSmall(Random random) => random.Next(16) switch
    {
        0 => (nuint)random.Next(0, 65_537),
        1 or 2 => (nuint)random.Next(0, 8_193),
        3 => Classes[random.Next(Classes.Count - 24)] - (nuint)random.Next(2),
        _ => (nuint)random.Next(0, 1_025),
    };

    private static IEnumerable<nuint> EnumerateClasses()
    {
        for (nuint size = 16; size <= 128; size += 16)
        {
            yield return size;
        }

        for (nuint power = 128; power < LargestClass; power *= 2)
        {
            for (nuint eighth = 1; eighth <= 8; eighth++)
            {
                yield return power + (eighth * (power / 8));
            }
        }
    }
}
