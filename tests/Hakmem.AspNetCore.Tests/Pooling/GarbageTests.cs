using System;
using System.Buffers;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

public sealed class GarbageTests
{
    [Theory]
    [InlineData(1, 64)]
    [InlineData(200, 64)]
    [InlineData(50, 0)]
    public void ARentalMakesNoGarbageOnceTheSlabsAreThere(int blocks, int threadCacheBlocks)
    {
        using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { ThreadCacheBlocks = threadCacheBlocks });
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[blocks];
        RentAndReturn(pool, owners);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            RentAndReturn(pool, owners);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void ASingleUseOwnerIsOneSmallObject()
    {
        using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { RecycleOwners = false });
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[1];
        RentAndReturn(pool, owners);
        long before = GC.GetAllocatedBytesForCurrentThread();
        RentAndReturn(pool, owners);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 32);
    }

    private static void RentAndReturn(PinnedMemoryPool pool, IMemoryOwner<byte>[] owners)
    {
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i] = pool.Rent();
        }

        for (int i = 0; i < owners.Length; i++)
        {
            owners[i].Dispose();
        }
    }
}
