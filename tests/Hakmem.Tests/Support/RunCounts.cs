using System.Globalization;

namespace Hakmem.Tests.Support;

internal sealed record RunCounts(int Passed, int Failed, int Skipped)
{
    public int Total => Passed + Failed + Skipped;

    public override string ToString()
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"{Passed} passed, {Failed} failed");
        return Skipped == 0 ? line : string.Create(CultureInfo.InvariantCulture, $"{line}, {Skipped} skipped");
    }
}
