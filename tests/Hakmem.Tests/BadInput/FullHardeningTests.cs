namespace Hakmem.Tests.BadInput;

public sealed class FullHardeningTests() : BadPointerConformance(HardeningLevel.Full)
{
    protected override bool ReportsEveryDoubleFreeAtTheCall => true;
}
