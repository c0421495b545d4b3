using System;
using System.Buffers;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A pool of the shared heap, whose limit no other test may meet.
[Collection(AloneCollection.Name)]
public sealed class PlainPoolRefusalTests
{
    private const int Large = 1 << 30;

    [Fact]
    public void EachRefusedRentalCounts()
    {
        using NativeMemoryPool pool = new(HakmemAllocator.Shared);
        Workers.RunOne(() =>
        {
            HakmemAllocator.Shared.SetLimits(0, HakmemAllocator.Shared.GetStatistics().CommittedBytes + (64 << 20));
            try
            {
                for (int refused = 1; refused <= 3; refused++)
                {
                    Assert.Throws<OutOfMemoryException>(() => pool.Rent(Large));
                    Assert.Equal(refused, pool.GetStatistics().RefusedCount);
                    pool.Rent(100).Dispose();
                }
            }
            finally
            {
                HakmemAllocator.Shared.SetLimits(0, 0);
            }
        });
        Assert.Equal((3L, 0L), (pool.GetStatistics().RentalCount, pool.GetStatistics().RentedCount));
    }
}
