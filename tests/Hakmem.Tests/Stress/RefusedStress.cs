using Hakmem.Tests.Faults;
using Xunit;

namespace Hakmem.Tests.Stress;

// The same threads at work while some of the system calls are refused.
public abstract class RefusedStress : StressConformance
{
    private readonly RefusedHeap _refused;

    private protected RefusedStress(RefusedHeap refused)
        : base(refused)
    {
        _refused = refused;
    }

    protected override HakmemHeapMap GetHeapMap() => _refused.GetHeapMap();

    protected override HakmemVerification Verify() => _refused.Verify();

    protected override void AssertEmpty()
    {
        Assert.NotEqual(0, _refused.Refusals);
        _refused.AuditEmpty(base.AssertEmpty);
    }
}
