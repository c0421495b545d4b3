using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Records;
using Xunit;

namespace Hakmem.Tests.Records;

// Which bins a stripe has, and how many stripes there are.
public sealed class StripeTests
{
    [Theory]
    [InlineData(1, 8)]
    [InlineData(2, 8)]
    [InlineData(4, 8)]
    [InlineData(5, 16)]
    [InlineData(16, 32)]
    [InlineData(32, 64)]
    [InlineData(1024, 64)]
    public void CountForIsTwoToAProcessorWithinLimits(int processors, int expected) =>
        Assert.Equal(expected, Stripe.CountFor(processors));

    [Fact]
    public void CountIsAPowerOfTwoThatEveryCacheNumberFallsInto()
    {
        Assert.Equal(Stripe.CountFor(Environment.ProcessorCount), Stripe.Count);
        Assert.Equal(Stripe.Count, Enumerable.Range(0, 5000).Select(Stripe.Of).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, Stripe.Count), Enumerable.Range(0, Stripe.Count).Select(Stripe.Of));
    }

    [Fact]
    public void EachStripeHasABinOfItsOwnForEachStripedClass()
    {
        HashSet<int> bins = [.. Enumerable.Range(0, SizeClass.Count)];
        for (int stripe = 0; stripe < Stripe.Count; stripe++)
        {
            for (int sizeClass = 0; sizeClass < Stripe.ClassCount; sizeClass++)
            {
                int bin = Stripe.BinOf(stripe, sizeClass);
                Assert.True(bins.Add(bin), $"Two stripes or classes have the bin {bin}.");
                Assert.Equal(sizeClass, Stripe.ClassOf(bin));
            }
        }

        Assert.Equal(Stripe.Bins, bins.Count);
        Assert.Equal(Stripe.Bins - 1, bins.Max());
    }

    [Fact]
    public void StripedClassesAreThoseBelowACacheLine()
    {
        Assert.True(SizeClass.BytesOf(Stripe.ClassCount - 1) < 64, "A class of a whole line has stripes.");
        Assert.Equal(64, SizeClass.BytesOf(Stripe.ClassCount));
    }
}
