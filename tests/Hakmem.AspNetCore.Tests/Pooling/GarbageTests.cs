using System.Buffers;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

public sealed class GarbageTests
{
    [Theory]
    [InlineData(1, 64)]
    [InlineData(200, 64)]
    [InlineData(50, 0)]
    public void RecycledOwnersMakeNoGarbageOnceThereAreEnough(int blocks, int threadCacheBlocks)
    {
        PinnedMemoryPoolOptions options = new() { ThreadCacheBlocks = threadCacheBlocks, RecycleOwners = true };
        using PinnedMemoryPool pool = new(options);
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[blocks];
        Assert.Equal(0, ManagedGarbage.Measure(rounds: 100, () => RentAndReturn(pool, owners)));
    }

    [Fact]
    public void OwnerThatIsNotRecycledIsOneSmallObject()
    {
        using PinnedMemoryPool pool = new();
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[1];
        Assert.InRange(ManagedGarbage.Measure(rounds: 1, () => RentAndReturn(pool, owners)), 1, 32);
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
