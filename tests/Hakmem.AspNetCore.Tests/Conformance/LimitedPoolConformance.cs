namespace Hakmem.AspNetCore.Tests.Conformance;

public sealed class LimitedPoolConformance : PinnedPoolConformance
{
    protected override PinnedMemoryPoolOptions Options => new() { MaxBytes = 4 << 20 };
}
