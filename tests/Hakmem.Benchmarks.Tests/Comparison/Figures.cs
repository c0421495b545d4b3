using System.Linq;
using Hakmem.Benchmarks.Comparison;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.Benchmarks.Tests.Comparison;

// Measurements and rows with the figures that a test wants.
internal static class Figures
{
    public static Measurement Process(
        double nanoseconds, string workload = "tiny-hot", string subject = "hakmem") => new()
    {
        Workload = workload,
        Subject = subject,
        Operations = 1,
        RoundNanoseconds = [nanoseconds, nanoseconds * 3],
        Nanoseconds = nanoseconds,
        MinorFaults = 0,
        StartResidentBytes = 0,
        PeakResidentBytes = 0,
        EndResidentBytes = 0,
    };

    public static ComparisonRow Row(double[] ofBase, double[] current) => ComparisonRow.From(
        "tiny-hot", "hakmem", ofBase.Select(figure => Process(figure)), current.Select(figure => Process(figure)));
}
