namespace Hakmem.Tests.BadInput;

public sealed class CheckedHardeningTests() : BadPointerConformance(HardeningLevel.Checked)
{
    protected override bool ReportsEveryDoubleFreeAtTheCall => true;
}
