using System.Linq;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Workloads;

public sealed class ThreadedWorkloadTests
{
    [Theory]
    [InlineData("private-16")]
    [InlineData("private-48")]
    [InlineData("private-64")]
    [InlineData("dealt-16")]
    [InlineData("dealt-48")]
    [InlineData("windows-2")]
    [InlineData("larson-tiny")]
    [InlineData("cache-scratch")]
    public void EveryBlockIsWrittenAndFreed(string name)
    {
        foreach (Workload form in (Workload[])[WorkloadCatalog.Find(name), WorkloadCatalog.Find(name).WithOneWorker()!])
        {
            Recording recording = RecordingSubject.Record(form, 20_000);
            Assert.True(recording.Operations >= 20_000);
            Assert.NotEmpty(recording.Freed);
            Assert.Equal((0, 0), (recording.LeftCount, recording.UnwrittenCount));
        }
    }

    [Theory]
    [InlineData("private-16", 16)]
    [InlineData("private-64", 64)]
    public void PrivateThreadsReplaceTablesAndShareNothing(string name, int byteCount)
    {
        Recording two = RecordingSubject.Record(WorkloadCatalog.Find(name), 20_000);
        Assert.Equal([(nuint)byteCount], two.Sizes);
        Assert.Equal((24_000, 24_000), (two.Operations, two.Freed.Count));
        Assert.Equal((2, 0), (two.AllocatingThreads, two.BlocksFreedByOthers));

        Recording one = RecordingSubject.Record(WorkloadCatalog.Find(name).WithOneWorker()!, 10_000);
        Assert.Equal((12_000, 12_000), (one.Operations, one.Freed.Count));
        Assert.Equal((1, 0), (one.AllocatingThreads, one.BlocksFreedByOthers));
    }

    [Fact]
    public void DealtBlocksAreFreedByTheThreadsThatGotThem()
    {
        Recording two = RecordingSubject.Record(WorkloadCatalog.Find("dealt-48"), 40_000);
        Assert.Equal([(nuint)48], two.Sizes);

        // The 2000 of the thread that deals, and one for each operation.
        Assert.Equal((40_000, 42_000), (two.Operations, two.Freed.Count));
        Assert.Equal((3, 2000), (two.AllocatingThreads, two.BlocksFreedByOthers));
        Assert.Equal(2, two.Freed.Select(block => block.FreeingThread).Distinct().Count());

        Recording one = RecordingSubject.Record(WorkloadCatalog.Find("dealt-48").WithOneWorker()!, 20_000);
        Assert.Equal((2, 1000), (one.AllocatingThreads, one.BlocksFreedByOthers));
    }

    [Fact]
    public void LarsonTinyHasBlocksOfEightToSixtyFourBytes()
    {
        Recording recording = RecordingSubject.Record(WorkloadCatalog.Find("larson-tiny"), 20_000);
        Assert.Equal(Enumerable.Range(8, 57).Select(size => (nuint)size), recording.Sizes.Order());
        Assert.Equal(3, recording.AllocatingThreads);
    }

    [Fact]
    public void WindowsOnTwoThreadsShareNothing()
    {
        Recording two = RecordingSubject.Record(WorkloadCatalog.Find("windows-2"), 20_000);
        Assert.Equal((2, 0), (two.AllocatingThreads, two.BlocksFreedByOthers));
        Assert.Equal(two.Operations, two.Freed.Count);
    }
}
