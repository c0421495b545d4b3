namespace Hakmem.Tests.Conformance;

public sealed class EveryBlockSampledConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 1 }))
{
    protected override nuint SizeStep => 997;
}
