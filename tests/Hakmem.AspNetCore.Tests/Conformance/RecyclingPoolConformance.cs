namespace Hakmem.AspNetCore.Tests.Conformance;

public sealed class RecyclingPoolConformance : PinnedPoolConformance
{
    protected override PinnedMemoryPoolOptions Options => new() { RecycleOwners = true };
}
