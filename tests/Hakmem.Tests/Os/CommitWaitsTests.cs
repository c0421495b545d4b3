using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Os;

public sealed class CommitWaitsTests
{
    private readonly CommitWaits _waits = new();

    [Fact]
    public void ARefusedCommitWaitsEachTimeTwiceAsLong() =>
        Assert.Equal([10, 20, 40, 80, 160], WaitsOfARefusal(nowMs: 5));

    [Fact]
    public void AfterWaitsInVainNobodyWaitsForASecond()
    {
        WaitsOfARefusal(nowMs: 5);
        Assert.Empty(WaitsOfARefusal(nowMs: 5));
        Assert.Empty(WaitsOfARefusal(nowMs: 5 + CommitWaits.InVainMs - 1));
        Assert.Equal(CommitWaits.Count, WaitsOfARefusal(nowMs: 5 + CommitWaits.InVainMs).Count);
    }

    // Of several threads that wait at a time, none is cut short by the first that waited in vain.
    [Fact]
    public void AWaitThatHasBegunGoesOn()
    {
        Assert.Equal(CommitWaits.FirstMs, _waits.NextMs(0, 5));
        WaitsOfARefusal(nowMs: 5);
        Assert.Equal(2 * CommitWaits.FirstMs, _waits.NextMs(1, 5));
    }

    // A commit that succeeds after some of the waits says nothing of the next.
    [Fact]
    public void ACommitThatSucceedsLeavesTheWaitsAsTheyAre()
    {
        Assert.Equal(CommitWaits.FirstMs, _waits.NextMs(0, 5));
        Assert.Equal(CommitWaits.Count, WaitsOfARefusal(nowMs: 6).Count);
    }

    private List<uint> WaitsOfARefusal(long nowMs)
    {
        IEnumerable<uint> waits = Enumerable.Range(0, CommitWaits.Count + 1).Select(done => _waits.NextMs(done, nowMs));
        return [.. waits.TakeWhile(ms => ms > 0)];
    }
}
