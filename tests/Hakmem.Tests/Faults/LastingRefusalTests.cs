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

    private static void Run(OsCall kind, HakmemOptions options)
    {
        using FaultyHeap heap = new(options);
        int calls = 0;
        heap.Os.Refuse(call => call == kind && (++calls < TooManyCalls ? true : throw new InvalidOperationException("It asks for ever.")));
        FaultScript.Run(heap);
        heap.AssertRecovered();
    }
}
