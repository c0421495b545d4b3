using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;

namespace Hakmem.Diagnosing;

// The two columns.
internal sealed class UsageMetric(string id, string displayName, string legend, int priority) : IMetricDescriptor
{
    public static readonly UsageMetric Allocated = new(
        "HakmemAllocated", "Native allocated", "Bytes requested of Hakmem's heaps for each operation", 0);

    public static readonly UsageMetric Leaked = new(
        "HakmemLeaked", "Native leaked",
        "Bytes allocated from Hakmem's heaps and not freed by the end of the benchmark, for each operation", 1);

    public string Id => id;

    public string DisplayName => displayName;

    public string Legend => legend;

    public string NumberFormat => "#0.##";

    public UnitType UnitType => UnitType.Size;

    public string Unit => "B";

    public bool TheGreaterTheBetter => false;

    public int PriorityInCategory => priority;

    public bool GetIsAvailable(Metric metric) => true;
}
