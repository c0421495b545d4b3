using System;
using System.Buffers;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Conformance;

// What Kestrel really gets: a view of the service's pool.
public sealed class PinnedPoolViewConformance : BlockPoolConformance, IDisposable
{
    private readonly PinnedMemoryPool _pool = new();

    public PinnedPoolViewConformance() => Pool = _pool.CreateView();

    protected override MemoryPool<byte> Pool { get; }

    [Fact]
    public void AViewsEndIsNotThePools()
    {
        PinnedMemoryPool other = _pool.CreateView();
        IMemoryOwner<byte> owner = Pool.Rent();
        Pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Pool.Rent());
        other.Rent().Dispose();
        _pool.Rent().Dispose();
        owner.Dispose();
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
    }

    [Fact]
    public void AllViewsShareWhatIsFree()
    {
        _pool.CreateView().Rent().Dispose();
        long total = _pool.GetStatistics().TotalBytes;
        _pool.CreateView().Rent().Dispose();
        Assert.Equal(total, _pool.GetStatistics().TotalBytes);
    }

    public void Dispose()
    {
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
        _pool.Dispose();
    }

    protected override MemoryPool<byte> CreateOther() => _pool.CreateView();
}
