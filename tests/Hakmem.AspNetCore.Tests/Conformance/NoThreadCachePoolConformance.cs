namespace Hakmem.AspNetCore.Tests.Conformance;

public sealed class NoThreadCachePoolConformance : PinnedPoolConformance
{
    protected override PinnedMemoryPoolOptions Options => new() { ThreadCacheBlocks = 0 };
}
