using System;
using System.Linq;
using Hakmem.Profiling;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Profiling;

// The estimates of each stack, for a sample whose stack is found only after it was counted.
public sealed class StackFiguresTests : IDisposable
{
    private const int MB = 1_000_000;

    private readonly FaultyMemory _os = new();
    private readonly StackFigures _figures;

    public StackFiguresTests()
    {
        _figures = new StackFigures(_os);
        Assert.True(_figures.TryPrepare());
    }

    public void Dispose()
    {
        _figures.Release();
        _os.Dispose();
    }

    [Fact]
    public void AMovedSampleCountsOnce()
    {
        Add(4 * MB, stack: 0);
        Assert.True(_figures.TryMove(New(4 * MB, stack: 0), stack: 1));
        Assert.Equal([(0, 0), (1, 4 * MB)], Live(isPeak: false));
        Assert.Equal([(0, 0), (1, 4 * MB)], Live(isPeak: true));
        SampleTotals totals = _figures.Totals;
        Assert.Equal((1, 1, 4 * MB), (totals.Samples, totals.AllocatedBlocks, totals.AllocatedBytes));

        // It was in no sum twice: less than that is a peak.
        Add(3 * MB, stack: 2);
        _figures.Remove(New(4 * MB, stack: 1));
        Assert.Equal([(0, 0), (1, 4 * MB), (1, 3 * MB)], Live(isPeak: true));
        Assert.Equal([(0, 0), (0, 0), (1, 3 * MB)], Live(isPeak: false));
    }

    [Fact]
    public void AMoveAfterThePeakLeavesThePeak()
    {
        Add(4 * MB, stack: 0);
        Add(5 * MB, stack: 1);
        _figures.Remove(New(5 * MB, stack: 1));
        Assert.True(_figures.TryMove(New(4 * MB, stack: 0), stack: 2));
        Assert.Equal(9 * MB, Live(isPeak: true).Sum(figure => figure.Bytes));
        Assert.Equal([(0, 0), (0, 0), (1, 4 * MB)], Live(isPeak: false));

        // The next one is above the last.
        Add(6 * MB, stack: 1);
        Assert.Equal([(0, 0), (1, 6 * MB), (1, 4 * MB)], Live(isPeak: true));
    }

    [Fact]
    public void WithoutRoomForTheStackNothingHasChanged()
    {
        Add(4 * MB, stack: 0);
        _os.Refuse(_ => true);
        Assert.False(_figures.TryMove(New(4 * MB, stack: 0), stack: 1 << 20));
        Assert.Equal([(1, 4 * MB)], Live(isPeak: false));
        Assert.Equal([(1, 4 * MB)], Live(isPeak: true));
    }

    private static Sample New(int bytes, int stack) => new() { Bytes = (nuint)bytes, Weight = 1, Stack = stack };

    private void Add(int bytes, int stack) => Assert.True(_figures.TryAdd(New(bytes, stack)));

    private (int Objects, int Bytes)[] Live(bool isPeak)
    {
        StackFigure[] copy = new StackFigure[_figures.Count];
        _figures.CopyTo(copy, isPeak);
        return [.. copy.Select(figure => ((int)figure.LiveObjects, (int)figure.LiveBytes))];
    }
}
