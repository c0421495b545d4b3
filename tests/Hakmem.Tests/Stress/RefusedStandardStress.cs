using Hakmem.Tests.Faults;
using Xunit;

namespace Hakmem.Tests.Stress;

// The same threads at work while some of the system calls are refused.
public sealed class RefusedStandardStress : StressConformance
{
    private readonly RefusedHeap _refused;

    public RefusedStandardStress()
        : this(new RefusedHeap(HardeningLevel.Standard))
    {
    }

    private RefusedStandardStress(RefusedHeap refused)
        : base(refused)
    {
        _refused = refused;
    }

    protected override int TotalSteps => 40_000;

    protected override void AssertEmpty()
    {
        Assert.NotEqual(0, _refused.Refusals);
        _refused.AuditEmpty(base.AssertEmpty);
    }
}
