using System;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// A call that the system refuses again and again, as it does a discard of locked memory (mlockall).
public sealed class LastingRefusalTests
{
    // More calls than any of these tests has a use for: the double ends what would otherwise go on for ever.
    private const int TooManyCalls = 2_000;

    [Theory]
    [InlineData(OsCall.Decommit)]
    [InlineData(OsCall.Discard)]
    public void TheCacheOverItsLimitDoesNotAskForEver(OsCall kind) => Run(kind, new HakmemOptions { SuperSlabCacheCount = 2 });

    [Theory]
    [InlineData(OsCall.Decommit)]
    [InlineData(OsCall.Discard)]
    public void ATimeToLiveOfZeroDoesNotAskForEver(OsCall kind) => Run(kind, new HakmemOptions { SuperSlabCacheTtl = TimeSpan.Zero });

    [Theory]
    [InlineData(OsCall.Decommit)]
    [InlineData(OsCall.Discard)]
    public void ImmediateZeroingDoesNotAskForEver(OsCall kind) => Run(kind, new HakmemOptions { LazyZero = LazyZeroMode.Immediate });

    [Theory]
    [InlineData(OsCall.Decommit)]
    [InlineData(OsCall.Discard)]
    public void APurgeDelayOfZeroDoesNotAskForEver(OsCall kind) => Run(kind, new HakmemOptions { PurgeDelay = TimeSpan.Zero });

    // What cannot be discarded goes back as a whole when it has been empty for long enough.
    [Fact]
    public void RefusedDiscardsDoNotKeepMemoryForEver()
    {
        using FaultyHeap heap = new(new HakmemOptions());
        heap.Os.RefuseAll(OsCall.Discard);
        heap.Allocate(100 << 20);
        heap.Ledger.FreeAll();
        Assert.True(heap.CommittedBytes >= 100 << 20);
        for (int second = 0; second < 15; second++)
        {
            heap.Time.Advance(1_000);
        }

        Assert.Equal(0, heap.CommittedBytes);
        Assert.Contains(heap.Os.Calls, call => call.Kind == OsCall.Discard);
        heap.AssertRecovered();
    }

    private static void Run(OsCall kind, HakmemOptions options)
    {
        using FaultyHeap heap = new(options);
        int calls = 0;
        heap.Os.Refuse(call => call == kind && (++calls < TooManyCalls ? true : throw new InvalidOperationException("It asks for ever.")));
        FaultScript.Run(heap);
        heap.AssertRecovered();
    }
}
