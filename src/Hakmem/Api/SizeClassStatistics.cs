
namespace Hakmem;

/// <summary>One size class's figures at one moment.</summary>
/// <param name="BlockBytes">The size of a block, in bytes.</param>
/// <param name="LiveBlocks">Blocks that callers hold.</param>
/// <param name="CachedBlocks">Free blocks in thread caches and the depot.</param>
/// <param name="Spans">Spans of this class.</param>
/// <param name="SpanBytes">Bytes in those spans.</param>
public readonly record struct SizeClassStatistics(
    long BlockBytes, long LiveBlocks, long CachedBlocks, int Spans, long SpanBytes);
