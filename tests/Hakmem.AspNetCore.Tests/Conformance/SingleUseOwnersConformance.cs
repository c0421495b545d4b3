namespace Hakmem.AspNetCore.Tests.Conformance;

public sealed class SingleUseOwnersConformance : PinnedPoolConformance
{
    protected override PinnedMemoryPoolOptions Options => new() { RecycleOwners = false };
}
