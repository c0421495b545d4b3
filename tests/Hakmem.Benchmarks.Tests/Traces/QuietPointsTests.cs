using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Replay;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Traces;

public sealed class QuietPointsTests
{
    [Fact]
    public void EveryStretchOfQuietSecondsIsOnePoint()
    {
        // Busy, quiet for three seconds but for a timer's ten events each, busy, quiet for 1.5 s, one more event.
        List<long> times = [.. Busy(0)];
        times.AddRange(Enumerable.Range(1, 30).Select(i => 300_000L + (i * 100_000)));
        times.AddRange(Busy(4_000_000));
        times.Add(4_300_000 + 1_500_000);
        Assert.Equal([300 + 9, 630], QuietPoints.Find(Events(times)));
    }

    [Fact]
    public void ASecondWithWorkIsNoPause()
    {
        List<long> times = [.. Busy(0), .. Busy(1_000_000), .. Busy(2_000_000)];
        Assert.Empty(QuietPoints.Find(Events(times)));
    }

    // After it the program may have gone on.
    [Fact]
    public void TheEndIsNoPause() => Assert.Empty(QuietPoints.Find(Events(Busy(0))));

    [Fact]
    public void ThePlanLooksAtPausesWithSomethingLiveOnly()
    {
        List<TraceEvent> events = [];
        for (int burst = 0; burst < 9; burst++)
        {
            events.AddRange(Events(Busy(burst * 2_000_000), byteCount: burst == 0 ? 1 : 8192, events.Count));
        }

        events.Add(new(TraceEventKind.Free, 0, 0, 0, 30_000_000));
        Trace trace = new("", [.. events]);
        Assert.Equal(9, QuietPoints.Find(trace.Events).Count);
        ReplayPlan plan = new(trace);
        Assert.Equal(ReplayPlan.MaximumQuietPoints, plan.QuietSegments.Count);
        IEnumerable<int> odd = Enumerable.Range(0, 4).Select(i => (2 * i) + 1);
        Assert.Equal([.. odd.Select(burst => 300 + (burst * 300L * 8192))], plan.QuietLiveBytes);
    }

    private static IEnumerable<long> Busy(long start) =>
        Enumerable.Range(0, 300).Select(i => start + (i * 1000L) + 1000);

    private static TraceEvent[] Events(IEnumerable<long> times, long byteCount = 1, int firstBlock = 0) =>
        [.. times.Select((time, i) => new TraceEvent(TraceEventKind.Allocate, 0, firstBlock + i, byteCount, time))];
}
