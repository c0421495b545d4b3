using Hakmem.AspNetCore.Pooling;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// When a pool that has given up its last memory asks for a garbage collection.
public sealed class IdleCollectionTests
{
    private const long MiB = 1 << 20;
    private const long HeapBytes = 500 * MiB;

    // By default: a small heap is soon collected, a large one only for what is worth it.
    [Theory]
    [InlineData(1, 63, true)]
    [InlineData(1, 64, false)]
    [InlineData(15, 64, false)]
    [InlineData(16, 64, true)]
    [InlineData(1_000, 4_001, false)]
    [InlineData(1_000, 4_000, true)]
    public void ACollectionThatNobodyAskedForIsShortForWhatItBrings(long givenUpMiB, long heapMiB, bool isWorthIt) =>
        Assert.Equal(isWorthIt, With(wanted: null, givenUpMiB * MiB).IsDue(heapMiB * MiB));

    [Theory]
    [InlineData(true, MiB, 1_000 * MiB, true)]
    [InlineData(true, MiB - 1, 1, false)]
    [InlineData(null, MiB - 1, 1, false)]
    [InlineData(false, 1_000 * MiB, 1, false)]
    public void WhatWasAskedForHoldsFromAMebibyteOn(bool? wanted, long givenUp, long heapBytes, bool isDue) =>
        Assert.Equal(isDue, With(wanted, givenUp).IsDue(heapBytes));

    // However many idle periods there are, if a collection comes between each two.
    [Fact]
    public void WhatOtherCollectionsTookIsNotCounted()
    {
        IdleCollection collection = new(wanted: null);
        for (int period = 0; period < 1_000; period++)
        {
            collection.Add(5 * MiB, collections: period);
            Assert.False(collection.IsDue(HeapBytes));
        }
    }

    [Fact]
    public void WhatNoCollectionTookComesTogether()
    {
        IdleCollection collection = new(wanted: null);
        collection.Add(100 * MiB, collections: 3);
        for (int period = 0; period < 24; period++)
        {
            collection.Add(5 * MiB, collections: 4);
            Assert.False(collection.IsDue(HeapBytes));
        }

        collection.Add(5 * MiB, collections: 4);
        Assert.True(collection.IsDue(HeapBytes));
    }

    private static IdleCollection With(bool? wanted, long givenUp)
    {
        IdleCollection collection = new(wanted);
        collection.Add(givenUp, collections: 7);
        return collection;
    }
}
