using System;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Replay;
using Hakmem.Benchmarks.Workloads;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Traces;

public sealed class ShippedTraceTests
{
    private const long MaximumBytes = 6 << 20;
    private const int ReplayedEvents = 60_000;

    private static readonly string s_folder = Path.Combine(SourceTree.Root, "benchmarks", "traces");

    public static TheoryData<string> Rows => [.. WorkloadCatalog.All.OfType<ReplayWorkload>().Select(row => row.Name)];

    [Fact]
    public void EveryFileHasARowAndAllTogetherAreSmall()
    {
        FileInfo[] files = new DirectoryInfo(s_folder).GetFiles();
        Assert.Equal(
            WorkloadCatalog.All.OfType<ReplayWorkload>()
                .Select(row => Path.GetFileName(row.TracePath))
                .Order(StringComparer.Ordinal),
            files.Select(file => file.Name).Order(StringComparer.Ordinal));
        Assert.InRange(files.Sum(file => file.Length), 1, MaximumBytes);
    }

    // From the copy beside the program, which the rows read.
    [Theory]
    [MemberData(nameof(Rows))]
    public void ATraceReadsWholeAndHasPauses(string name)
    {
        Trace trace = TraceFile.Read(((ReplayWorkload)WorkloadCatalog.Find(name)).TracePath);
        Assert.NotEmpty(trace.Description);
        Assert.InRange(trace.Events.Length, 100_000, 1_500_000);
        ReplayPlan plan = new(trace);
        Assert.InRange(plan.QuietLiveBytes.Count, 2, ReplayPlan.MaximumQuietPoints);
        Assert.Equal(trace.Events.Length, plan.Threads.Sum(thread => thread.OperationCount));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void HakmemServesABeginningOfIt(string name)
    {
        Trace whole = TraceFile.Read(((ReplayWorkload)WorkloadCatalog.Find(name)).TracePath);
        Trace trace = new(whole.Description, [.. whole.Events[..ReplayedEvents]]);
        using ReplayPass pass = new(new ReplayPlan(trace));
        pass.Reset();
        Assert.Equal(ReplayedEvents + trace.EndLiveBlockCount, pass.RunFast<HakmemSubject, VerifyContents>());
    }
}
