extern alias scale;

using scale::Hakmem.Scale.Model;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Scale;

public sealed class VirtualLockTests
{
    private const double Hold = 100;

    private static readonly Assumptions s_costs = new()
    {
        TransferNanoseconds = 60, SpinNanoseconds = 10, WakeNanoseconds = 5_000,
    };

    [Fact]
    public void ProcessorThatComesBackHasTheLockAtOnce()
    {
        VirtualLock used = new("lock", lines: 3, WaitKind.Poll);
        Assert.Equal(0, used.Use(0, Hold, processor: 1, s_costs, horizon: 0));
        Assert.Equal(500, used.Use(500, Hold, processor: 1, s_costs, horizon: 0));
        Assert.Equal((2, 0), (used.Uses, used.Waits));
    }

    [Fact]
    public void AnotherProcessorFetchesItsLines()
    {
        VirtualLock used = new("lock", lines: 3, WaitKind.Poll);
        used.Use(0, Hold, processor: 1, s_costs, horizon: 0);
        Assert.Equal(500 + (3 * 60), used.Use(500, Hold, processor: 2, s_costs, horizon: 0));
        Assert.True(used.Look(processor: 1));
        Assert.False(used.Look(processor: 1));
        Assert.False(used.Look(processor: 2));
    }

    [Fact]
    public void OneThatWaitsLooksInGrowingIntervals()
    {
        VirtualLock used = new("lock", lines: 0, WaitKind.Poll);
        used.Use(0, Hold, processor: 1, s_costs, horizon: 0);

        // Looks at 10, 30, 70 and 150.
        Assert.Equal(150, used.Use(0, Hold, processor: 2, s_costs, horizon: 0));
        Assert.Equal((1, 150), (used.Waits, used.WaitedNanoseconds));
    }

    [Fact]
    public void OneThatSleepsIsWokenLate()
    {
        VirtualLock used = new("lock", lines: 0, WaitKind.Poll);
        used.Use(0, hold: 1_000_000, processor: 1, s_costs, horizon: 0);
        Assert.Equal(1_005_000, used.Use(0, Hold, processor: 2, s_costs, horizon: 0));
    }

    [Fact]
    public void UsesOfAWordFollowEachOther()
    {
        VirtualLock word = new("word", lines: 1, WaitKind.Queue);
        word.Use(0, hold: 5, processor: 1, s_costs, horizon: 0);
        Assert.Equal(5 + 60, word.Use(0, hold: 5, processor: 2, s_costs, horizon: 0));
        Assert.Equal(5 + 65 + 60, word.Use(0, hold: 5, processor: 3, s_costs, horizon: 0));
    }

    [Fact]
    public void EarlierUseFitsBeforeALaterOne()
    {
        VirtualLock used = new("lock", lines: 0, WaitKind.Queue);
        used.Use(1_000, Hold, processor: 1, s_costs, horizon: 0);
        Assert.Equal(200, used.Use(200, Hold, processor: 2, s_costs, horizon: 0));
    }

    // The published figure: 35 million calls a second on one thread, and below one million on 64.
    [Fact]
    public void OneQueueUnderOneLockCollapses()
    {
        const double CallNanoseconds = 1000.0 / 35;
        Assert.Equal(35, SingleQueue.Run(1, CallNanoseconds, new Assumptions()), 0.1);
        Assert.InRange(SingleQueue.Run(64, CallNanoseconds, new Assumptions()), 0.1, 1);
    }
}
