namespace Hakmem.Tests.Conformance;

public sealed class SomeBlockSampledConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 7 }))
{
    protected override nuint SizeStep => 997;
}
