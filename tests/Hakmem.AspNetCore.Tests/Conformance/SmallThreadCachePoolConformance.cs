namespace Hakmem.AspNetCore.Tests.Conformance;

public sealed class SmallThreadCachePoolConformance : PinnedPoolConformance
{
    protected override PinnedMemoryPoolOptions Options => new() { ThreadCacheBlocks = 1 };
}
