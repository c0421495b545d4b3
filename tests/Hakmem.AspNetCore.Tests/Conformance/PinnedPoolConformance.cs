using System;
using System.Buffers;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Conformance;

// The rules of all pools, and those that only ours keep, over one kind of PinnedMemoryPool.
public abstract class PinnedPoolConformance : BlockPoolConformance, IDisposable
{
    private readonly PinnedMemoryPool _pool;

    protected PinnedPoolConformance() => _pool = new PinnedMemoryPool(Options);

    protected abstract PinnedMemoryPoolOptions Options { get; }

    protected override MemoryPool<byte> Pool => _pool;

    [Fact]
    public void SizesBelowMinusOneAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _pool.Rent(-2));
        Assert.Throws<ArgumentOutOfRangeException>(() => _pool.Rent(int.MinValue));
    }

    [Fact]
    public void MemoryAfterDisposeIsRefused()
    {
        IMemoryOwner<byte> owner = _pool.Rent();
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
    }

    [Fact]
    public void FiguresAddUp()
    {
        using (IMemoryOwner<byte> first = _pool.Rent())
        {
            using IMemoryOwner<byte> second = _pool.Rent();
            PinnedMemoryPoolStatistics busy = _pool.GetStatistics();
            Assert.Equal(2 * 4096, busy.RentedBytes);
            Assert.Equal(busy.TotalBytes, busy.RentedBytes + busy.PooledBytes);
            Assert.Equal(2, busy.Rents);
            Assert.Equal(1, busy.Allocations);
        }

        PinnedMemoryPoolStatistics idle = _pool.GetStatistics();
        Assert.Equal(0, idle.RentedBytes);
        Assert.Equal(idle.TotalBytes, idle.PooledBytes);
        Assert.True(idle.TotalBytes > 0);
    }

    [Fact]
    public void TrimGivesUpAllThatIsNotRented()
    {
        IMemoryOwner<byte> kept = _pool.Rent();
        for (int i = 0; i < 10; i++)
        {
            IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[100];
            for (int j = 0; j < owners.Length; j++)
            {
                owners[j] = _pool.Rent();
            }

            Array.ForEach(owners, owner => owner.Dispose());
        }

        _pool.Trim();
        Assert.Equal(32 * 4096, _pool.GetStatistics().TotalBytes);
        kept.Dispose();
        _pool.Trim();
        Assert.Equal(0, _pool.GetStatistics().TotalBytes);
        Assert.Equal(_pool.GetStatistics().Allocations, _pool.GetStatistics().Evictions);
    }

    // Every test returns what it rents.
    public void Dispose()
    {
        _pool.CheckInvariants();
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
        _pool.Dispose();
        Assert.Equal(0, _pool.GetStatistics().TotalBytes);
        GC.SuppressFinalize(this);
    }

    protected override MemoryPool<byte> CreateOther() => new PinnedMemoryPool(Options);
}
