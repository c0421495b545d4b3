using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Concurrency;

// Whether the memory that the models run on is as weak as the machines, and its orderings as strong as they promise: a checker that
// explores too little would find nothing wrong with anything.
public sealed class MemoryModelTests
{
    [Fact]
    public void AStoreMayPassALaterLoad()
    {
        HashSet<string> outcomes = Outcomes((m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.Load(m.Y, "")], (m, _) => [ModelOp.Store(m.Y, 1, ""), ModelOp.Load(m.X, "")]);
        Assert.Equal(["0 | 0", "0 | 1", "1 | 0", "1 | 1"], outcomes.Order());
    }

    [Fact]
    public void AFenceOnBothSidesKeepsStoresBeforeLoads()
    {
        HashSet<string> outcomes = Outcomes(
            (m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.Fence(""), ModelOp.Load(m.Y, "")], (m, _) => [ModelOp.Store(m.Y, 1, ""), ModelOp.Fence(""), ModelOp.Load(m.X, "")]);
        Assert.DoesNotContain("0 | 0", outcomes);
        Assert.Equal(3, outcomes.Count);
    }

    [Fact]
    public void AFenceOnOneSideDoesNot()
    {
        HashSet<string> outcomes = Outcomes(
            (m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.Fence(""), ModelOp.Load(m.Y, "")], (m, _) => [ModelOp.Store(m.Y, 1, ""), ModelOp.Load(m.X, "")]);
        Assert.Contains("0 | 0", outcomes);
    }

    // What reaping rests on: the side that is rarely there pays for both.
    [Fact]
    public void AProcessWideBarrierOnOneSideDoes()
    {
        HashSet<string> outcomes = Outcomes(
            (m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.ProcessWideBarrier(""), ModelOp.Load(m.Y, "")], (m, _) => [ModelOp.Store(m.Y, 1, ""), ModelOp.Load(m.X, "")]);
        Assert.DoesNotContain("0 | 0", outcomes);
        Assert.Equal(3, outcomes.Count);
    }

    [Fact]
    public void PlainStoresMayArriveInAnyOrder()
    {
        HashSet<string> outcomes = Outcomes((m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.Store(m.Y, 1, "")], (m, _) => [ModelOp.LoadAcquire(m.Y, ""), ModelOp.LoadAcquire(m.X, "")]);
        Assert.Contains(" | 1,0", outcomes);
    }

    [Fact]
    public void PlainLoadsMayBeServedInAnyOrder()
    {
        HashSet<string> outcomes = Outcomes(
            (m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.StoreRelease(m.Y, 1, "")], (m, _) => [ModelOp.Load(m.Y, ""), ModelOp.Load(m.X, "")]);
        Assert.Contains(" | 1,0", outcomes);
    }

    [Fact]
    public void ReleaseAndAcquireHandOver()
    {
        HashSet<string> outcomes = Outcomes(
            (m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.StoreRelease(m.Y, 1, "")], (m, _) => [ModelOp.LoadAcquire(m.Y, ""), ModelOp.Load(m.X, "")]);
        Assert.DoesNotContain(" | 1,0", outcomes);
        Assert.Equal(3, outcomes.Count);
    }

    [Fact]
    public void FencesHandOver()
    {
        HashSet<string> outcomes = Outcomes(
            (m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.Fence(""), ModelOp.Store(m.Y, 1, "")], (m, _) => [ModelOp.Load(m.Y, ""), ModelOp.Fence(""), ModelOp.Load(m.X, "")]);
        Assert.DoesNotContain(" | 1,0", outcomes);
        Assert.Equal(3, outcomes.Count);
    }

    [Fact]
    public void OneCellNeverGoesBack()
    {
        HashSet<string> outcomes = Outcomes((m, _) => [ModelOp.Store(m.X, 1, ""), ModelOp.Store(m.X, 2, "")], (m, _) => [ModelOp.Load(m.X, ""), ModelOp.Load(m.X, "")]);
        Assert.DoesNotContain(" | 2,1", outcomes);
        Assert.DoesNotContain(" | 1,0", outcomes);
        Assert.Equal(6, outcomes.Count);
    }

    [Fact]
    public void ExchangesTakeTurns()
    {
        HashSet<string> outcomes = Outcomes((m, _) => [ModelOp.Exchange(m.X, 1, "")], (m, _) => [ModelOp.Exchange(m.X, 2, "")]);
        Assert.Equal(["0 | 1", "2 | 0"], outcomes.Order());
    }

    [Fact]
    public void ALockThatIsTakenTwiceIsADeadlock()
    {
        Exploration exploration = Explorer.Explore(() => new LitmusModel(new HashSet<string>(), (m, _) => [ModelOp.Lock(m.X, "first"), ModelOp.Lock(m.X, "second")]));
        Assert.NotNull(exploration.Violation);
        Assert.Contains("second", exploration.Violation, StringComparison.Ordinal);
        Assert.Equal(["thread 0: first"], exploration.Trace);
    }

    private static HashSet<string> Outcomes(params Func<LitmusModel, ModelThread, IEnumerable<ModelOp>>[] programs)
    {
        HashSet<string> outcomes = [];
        Exploration exploration = Explorer.Explore(() => new LitmusModel(outcomes, programs));
        Assert.Null(exploration.Violation);
        return outcomes;
    }
}
