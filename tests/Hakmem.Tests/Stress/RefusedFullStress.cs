using Hakmem.Tests.Faults;
using Xunit;

namespace Hakmem.Tests.Stress;

// The same threads at work while some of the system calls are refused.
public sealed class RefusedFullStress : StressConformance
{
    private readonly RefusedHeap _refused;

    public RefusedFullStress()
        : this(new RefusedHeap(HardeningLevel.Full))
    {
    }

    private RefusedFullStress(RefusedHeap refused)
        : base(refused)
    {
        _refused = refused;
    }

    protected override int TotalSteps => 2_000;

    protected override void AssertEmpty()
    {
        Assert.NotEqual(0, _refused.Refusals);
        _refused.AuditEmpty(base.AssertEmpty);
    }
}
