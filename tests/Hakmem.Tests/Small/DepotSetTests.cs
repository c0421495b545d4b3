using System;
using System.Linq;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Small;

// A depot is there from the first block of its class on, and is the same for everybody.
public sealed unsafe class DepotSetTests : IDisposable
{
    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly SpanLayer _layer = new(new HakmemOptions());
    private readonly DepotSet _depots;

    public DepotSetTests() => _depots = new DepotSet(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, s_classes, new DepotBudget());

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void NoneIsMadeBeforeItIsWanted()
    {
        Assert.Equal(SizeClass.Count, _depots.Count);
        Assert.All(Enumerable.Range(0, _depots.Count), sizeClass => Assert.Null(_depots.Find(sizeClass)));
        Depot depot = _depots[7];
        Assert.Same(depot, _depots.Find(7));
        Assert.Same(depot, _depots[7]);
        Assert.Equal(1, Enumerable.Range(0, _depots.Count).Count(sizeClass => _depots.Find(sizeClass) is not null));
    }

    [Fact]
    public void EachIsOfItsClass() => Assert.All(s_classes, info =>
    {
        void* block = _depots[info.Index].TryAllocOne(out _);
        Assert.True(block != null);
        Assert.Equal(info.Index, PageMapEntry.BinIndexOf(_layer.Arena.EntryOf(block)));
        Assert.True(_depots[info.Index].TryFreeOne(block));
    });

    [Fact]
    public void ThreadsThatWantOneAtATimeHaveTheSame()
    {
        const int ThreadCount = 4;
        using Barrier all = new(ThreadCount);
        Depot[][] found = new Depot[ThreadCount][];
        Workers.Run(ThreadCount, worker => found[worker] = [.. Enumerable.Range(0, _depots.Count).Select(sizeClass =>
        {
            all.SignalAndWait();
            return _depots[sizeClass];
        })]);
        Assert.All(found, depots => Assert.Equal(found[0], depots));
    }
}
