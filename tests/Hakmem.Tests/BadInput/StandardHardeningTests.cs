namespace Hakmem.Tests.BadInput;

public sealed class StandardHardeningTests() : BadPointerConformance(HardeningLevel.Standard)
{
    protected override bool ReportsEveryDoubleFreeAtTheCall => false;
}
