using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using CsCheck;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Replay;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Traces;

public sealed class ReplayTests
{
    [Fact]
    public void AnyTraceIsReplayedWithEveryBlockIntactAndFreed() =>
        TestTraces.Step.Array[0, 400].Sample(
            steps =>
            {
                Trace trace = new("", TestTraces.Events(steps));
                using ReplayPass pass = new(new ReplayPlan(trace));
                CountingSubject.Reset();
                pass.Reset();
                long done = pass.RunFast<CountingSubject, VerifyContents>();
                return done == trace.Events.Length + trace.EndLiveBlockCount
                    && (CountingSubject.Calls, CountingSubject.LiveCount, CountingSubject.LiveBytes) == (done, 0, 0L);
            },
            iter: 60,
            threads: 1);

    [Fact]
    public void AReplayCanBeRepeatedInBothForms()
    {
        Trace trace = TestTraces.Random(seed: 5, count: 20_000);
        Assert.Equal(4, trace.ThreadCount);
        ReplayPlan plan = new(trace);
        Assert.True(plan.SharedSlotCount > 1000, $"{plan.SharedSlotCount}");
        using ReplayPass pass = new(plan);
        CountingSubject.Reset();
        for (int i = 0; i < 3; i++)
        {
            pass.Reset();
            pass.RunFast<CountingSubject, VerifyContents>();
            pass.Reset();
            pass.RunInOrder<CountingSubject, VerifyContents>(_ => Assert.Fail("It has no pause."));
        }

        Assert.Equal(
            (6L * (trace.Events.Length + trace.EndLiveBlockCount), 0, 0L),
            (CountingSubject.Calls, CountingSubject.LiveCount, CountingSubject.LiveBytes));
    }

    [Fact]
    public void HakmemAndTheEmptyLoopReplayTheSame()
    {
        Trace trace = TestTraces.Random(seed: 6, count: 20_000);
        using ReplayPass pass = new(new ReplayPlan(trace));
        pass.Reset();
        Assert.Equal(trace.Events.Length + trace.EndLiveBlockCount, pass.RunFast<HakmemSubject, VerifyContents>());
        pass.Reset();
        Assert.Equal(trace.Events.Length + trace.EndLiveBlockCount, pass.RunFast<NullSubject, TouchEnds>());
    }

    // A producer whose consumer is far behind would have everything live at once.
    [Fact]
    public void InOrderNoMoreIsLiveThanInTheProgramGiveOrTakeASegment()
    {
        List<TraceEvent> events = [];
        for (int i = 0; i < 100 * ReplayPlan.SegmentEvents; i++)
        {
            events.Add(new(TraceEventKind.Allocate, 0, i, 10, i));
            if (i > 0)
            {
                events.Add(new(TraceEventKind.Free, 1, i - 1, 0, i));
            }
        }

        ReplayPlan plan = new(new Trace("", [.. events]));
        using ReplayPass pass = new(plan);
        CountingSubject.Reset();
        pass.Reset();
        pass.RunInOrder<CountingSubject, TouchEnds>(_ => { });
        Assert.InRange(CountingSubject.PeakBytes, 10, 10 * (2 + ReplayPlan.SegmentEvents));
    }

    [Fact]
    public void EachPauseIsSeenWithWhatIsLiveThere()
    {
        const int Burst = 3000;
        const int BlockBytes = 1000;
        List<TraceEvent> events = [];
        for (int burst = 0; burst < 3; burst++)
        {
            for (int i = 0; i < Burst; i++)
            {
                events.Add(new(TraceEventKind.Allocate, i % 3, events.Count, BlockBytes, (burst * 2_000_000) + i));
            }
        }

        ReplayPlan plan = new(new Trace("", [.. events]));
        using ReplayPass pass = new(plan);
        List<(int, long)> seen = [];
        CountingSubject.Reset();
        pass.Reset();
        pass.RunInOrder<CountingSubject, TouchPages>(quiet => seen.Add((quiet, CountingSubject.LiveBytes)));
        Assert.Equal([(0, (long)Burst * BlockBytes), (1, 2L * Burst * BlockBytes)], seen);
        Assert.Equal([.. seen.Select(point => point.Item2)], plan.QuietLiveBytes);
        Assert.Equal(0, CountingSubject.LiveCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(700)]
    [InlineData(5_000)]
    public void AThreadThatFailsEndsTheReplayOfAll(long failAt)
    {
        using ReplayPass pass = new(new ReplayPlan(TestTraces.Random(seed: 7, count: 8_000)));
        foreach (Action replay in (Action[])[
            () => pass.RunFast<CountingSubject, TouchEnds>(),
            () => pass.RunInOrder<CountingSubject, TouchEnds>(_ => { })])
        {
            CountingSubject.Reset(failAt);
            pass.Reset();
            AggregateException failure = Assert.Throws<AggregateException>(replay);
            Assert.Single(failure.InnerExceptions, inner => inner is OutOfMemoryException);
        }

        // What was live then is lost, but the same pass can be used again.
        CountingSubject.Reset();
        pass.Reset();
        pass.RunInOrder<CountingSubject, VerifyContents>(_ => { });
        Assert.Equal(0, CountingSubject.LiveCount);
    }

    [Fact]
    public void ThreadsOwnBlocksHaveNoCacheLineInCommon()
    {
        // Two threads with a block each, again and again, and one block that goes from the one to the other.
        ReplayPlan plan = new(new Trace("", [
            new(TraceEventKind.Allocate, 0, 0, 8, 0), new(TraceEventKind.Allocate, 1, 1, 8, 0),
            new(TraceEventKind.Free, 0, 0, 0, 0), new(TraceEventKind.Free, 1, 1, 0, 0),
            new(TraceEventKind.Allocate, 0, 2, 8, 0), new(TraceEventKind.Allocate, 1, 3, 8, 0),
            new(TraceEventKind.Allocate, 0, 4, 8, 0), new(TraceEventKind.Free, 1, 4, 0, 0),
        ]));
        Assert.Equal((1, 33), (plan.SharedSlotCount, plan.SlotCount));
        Assert.Equal([16u, 32u], plan.LeftSlots.Order());
    }

    [Fact]
    public void AWorkloadOfAFileIsFoundByItsPath()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.hktrace");
        TraceFile.Write(path, TestTraces.Random(seed: 8, count: 3_000));
        try
        {
            Workload workload = WorkloadCatalog.Find(path);
            Assert.Equal(path, workload.Name);
            WorkloadBody body = workload.ForAllocator<CountingSubject>()!;
            Assert.Throws<InvalidOperationException>(() => body(1));
            CountingSubject.Reset();
            workload.Prepare();

            // The first replay is for memory, whatever was asked for.
            long lap = body(1);
            Assert.InRange(lap, 3_000, 6_000);
            Assert.Equal(2 * lap, body(lap + 1));
            Assert.Equal((0, 0L), (CountingSubject.LiveCount, CountingSubject.LiveBytes));
            Assert.True(workload.OwnPeakResidentBytes is null or > 0);
            Assert.Null(workload.Quiet);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
