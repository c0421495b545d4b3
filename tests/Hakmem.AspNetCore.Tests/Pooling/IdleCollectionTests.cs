using Hakmem.AspNetCore.Pooling;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// When a pool that has given up memory asks for a garbage collection.
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
        Assert.Equal(isWorthIt, IsDue(With(wanted: null, givenUpMiB * MiB), heapMiB * MiB));

    [Theory]
    [InlineData(true, MiB, 1_000 * MiB, true)]
    [InlineData(true, MiB - 1, 1, false)]
    [InlineData(null, MiB - 1, 1, false)]
    [InlineData(false, 1_000 * MiB, 1, false)]
    public void WhatWasAskedForHoldsFromAMebibyteOn(bool? wanted, long givenUp, long heapBytes, bool isDue) =>
        Assert.Equal(isDue, IsDue(With(wanted, givenUp), heapBytes));

    // With blocks still out: at least as much as remains, and unless it was asked for, enough to hold up requests for.
    [Theory]
    [InlineData(null, 15, 5, false)]
    [InlineData(null, 16, 16, true)]
    [InlineData(null, 16, 17, false)]
    [InlineData(null, 900, 5, true)]
    [InlineData(true, 1, 1, true)]
    [InlineData(true, 1, 2, false)]
    [InlineData(false, 900, 5, false)]
    public void WithBlocksOutAsMuchAsRemainsIsGivenUp(bool? wanted, long givenUpMiB, long heldMiB, bool isDue) =>
        Assert.Equal(isDue, IsDue(With(wanted, givenUpMiB * MiB), 32 * MiB, held: heldMiB * MiB));

    [Theory]
    [InlineData(5, 900, false)]
    [InlineData(5, 113, false)]
    [InlineData(5, 112, true)]
    [InlineData(5, 0, true)]
    [InlineData(0, 900, true)]
    public void WithBlocksOutItWaitsUntilThePoolHasSettled(long heldMiB, long stepMiB, bool isDue) => Assert.Equal(
        isDue, With(wanted: true, 900 * MiB).TakeIfDue(stepMiB * MiB, heldMiB * MiB, HeapBytes, collections: 7));

    // However many idle periods there are, if a collection comes between each two.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void WhatOtherCollectionsTookIsNotCounted(int since)
    {
        IdleCollection collection = new(wanted: null);
        for (int period = 0; period < 1_000; period++)
        {
            collection.Add((since == 0 ? 5 : 400) * MiB, collections: period);
            Assert.False(IsDue(collection, HeapBytes, collections: period + since));
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
            Assert.False(IsDue(collection, HeapBytes, collections: 4));
        }

        collection.Add(5 * MiB, collections: 4);
        Assert.True(IsDue(collection, HeapBytes, collections: 4));
    }

    // A step that runs beside the collection must not ask for another.
    [Fact]
    public void WhatIsBeingCollectedIsNotAskedForAgain()
    {
        IdleCollection collection = With(wanted: true, 900 * MiB);
        Assert.True(IsDue(collection, HeapBytes));
        Assert.False(IsDue(collection, HeapBytes));
    }

    private static bool IsDue(IdleCollection collection, long heapBytes, int collections = 7, long held = 0) =>
        collection.TakeIfDue(stepBytes: 0, held, heapBytes, collections);

    private static IdleCollection With(bool? wanted, long givenUp)
    {
        IdleCollection collection = new(wanted);
        collection.Add(givenUp, collections: 7);
        return collection;
    }
}
