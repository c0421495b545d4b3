using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// A thread has a cache for each pool that it meets.
public sealed class SeveralPoolsTests
{
    [Fact]
    public void ABlockReturnsToItsOwnPool()
    {
        PinnedMemoryPool[] pools = [new(), new(), new()];
        for (int round = 0; round < 50; round++)
        {
            IMemoryOwner<byte>[] owners = [pools[0].Rent(), pools[1].Rent(), pools[2].Rent(), pools[1].Rent(), pools[0].Rent()];
            Assert.Equal(2 * 4096, pools[0].GetStatistics().RentedBytes);
            Assert.Equal(2 * 4096, pools[1].GetStatistics().RentedBytes);
            Assert.Equal(1 * 4096, pools[2].GetStatistics().RentedBytes);
            Array.ForEach(owners, owner => owner.Dispose());
        }

        foreach (PinnedMemoryPool pool in pools)
        {
            Assert.Equal(0, pool.GetStatistics().RentedBytes);
            Assert.Equal(1, pool.GetStatistics().Allocations);
            pool.CheckInvariants();
            pool.Dispose();
        }
    }

    [Fact]
    public void AThreadForgetsDisposedPools()
    {
        // On a thread that does nothing else, and which another pool then uses.
        Workers.RunOne(() =>
        {
            WeakReference old = RentFromAPoolAndDisposeIt();
            using PinnedMemoryPool next = new();
            next.Rent().Dispose();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            Assert.False(old.IsAlive);
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference RentFromAPoolAndDisposeIt()
    {
        PinnedMemoryPool pool = new();
        pool.Rent().Dispose();
        pool.Dispose();
        return new WeakReference(pool.Store);
    }
}
