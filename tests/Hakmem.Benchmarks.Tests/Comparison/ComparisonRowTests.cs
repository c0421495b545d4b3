using Hakmem.Benchmarks.Comparison;
using Hakmem.Benchmarks.ProfilingStudy;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Comparison;

public sealed class ComparisonRowTests
{
    [Fact]
    public void RatiosAreCurrentOverBase()
    {
        ComparisonRow row = Figures.Row([10, 30, 20], [40, 20, 30]);
        Assert.Equal(1.5, row.RatioOfMedians);
        Assert.Equal(2, row.RatioOfFastest);
        Assert.Equal(new Spread(20, 10, 30, 3), row.Base);
        Assert.Equal(new Spread(30, 20, 40, 3), row.Current);
    }

    [Fact]
    public void MedianOfAnEvenNumberIsTheMiddleOfTwo() =>
        Assert.Equal(25, Figures.Row([10, 20, 30, 40], [1]).Base.Median);

    [Theory]
    [InlineData(12, 13, 14, "+30.0 %")]
    [InlineData(7, 8, 9, "-20.0 %")]
    [InlineData(11, 12, 13, "none")]
    [InlineData(8, 9, 9.5, "none")]
    [InlineData(1, 20, 100, "none")]
    public void DifferenceIsNoneWhereRangesOverlap(double least, double middle, double most, string expected)
    {
        ComparisonRow row = Figures.Row([9.5, 10, 11], [middle, most, least]);
        Assert.Equal(expected, Format.Difference(row.Current, row.Base));
    }

    [Fact]
    public void DifferenceOfTwoProcessesIsTooFewRuns()
    {
        ComparisonRow row = Figures.Row([1, 1], [9, 9]);
        Assert.Equal("too few runs", Format.Difference(row.Current, row.Base));
        Assert.False(row.IsSlowerThan(1));
    }

    [Theory]
    [InlineData(1.2, true)]
    [InlineData(1.3, false)]
    public void RowIsSlowerOnlyAboveTheLimit(double limit, bool expected) =>
        Assert.Equal(expected, Figures.Row([10, 10, 10], [13, 13, 13]).IsSlowerThan(limit));

    [Fact]
    public void FasterOrOverlappingRowIsNeverSlower()
    {
        Assert.False(Figures.Row([10, 10, 10], [5, 5, 5]).IsSlowerThan(0.1));
        Assert.False(Figures.Row([1, 10, 20], [15, 18, 30]).IsSlowerThan(1));
    }
}
