namespace Hakmem;

/// <summary>One unit (64 KiB) of a SuperSlab at the moment of a <see cref="HakmemHeapMap"/>.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="IsFirst">Whether a span, a growable run, a large run or a guarded block's range begins with this unit.</param>
/// <param name="BlockBytes">The size in bytes of the span's blocks; zero where there is no span.</param>
/// <param name="BlockCount">How many blocks the whole span has, 1 to 4096; zero where there is no span.</param>
/// <param name="BlocksOut">
/// How many of the span's blocks are out of it: with callers, or free in a thread cache or depot. From zero to <paramref name="BlockCount"/>, and the
/// same for each unit of a span.
/// </param>
public readonly record struct UnitInfo(UnitKind Kind, bool IsFirst, int BlockBytes, int BlockCount, int BlocksOut);
