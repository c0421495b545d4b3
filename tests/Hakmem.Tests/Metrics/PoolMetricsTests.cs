using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Metrics;

// The figures of a pool, and what a listener sees of them.
[Collection(MeterReader.Collection)]
public sealed class PoolMetricsTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly string _name = Guid.NewGuid().ToString();
    private readonly MeterReader _reader;

    public PoolMetricsTests() => _reader = new MeterReader(_name);

    public void Dispose()
    {
        _reader.Dispose();
        _heap.Dispose();
    }

    [Fact]
    public void AllFiguresArePublished()
    {
        using NativeMemoryPool pool = new(_heap, new() { MaxBytes = 10_000, RecycleOwners = true });
        using IDisposable registration = HakmemMetrics.RegisterPool(pool, _name);
        IMemoryOwner<byte> returned = pool.Rent(1_000);
        using IMemoryOwner<byte> kept = pool.Rent(3_000);
        Assert.Throws<OutOfMemoryException>(() => pool.Rent(9_000));
        returned.Dispose();
        returned.Dispose();
        Assert.Equal(
            new Dictionary<string, long>
            {
                ["hakmem.pool.rented By"] = 3_000,
                ["hakmem.pool.buffers {buffer}"] = 1,
                ["hakmem.pool.rentals {rental}"] = 2,
                ["hakmem.pool.returns {return}"] = 1,
                ["hakmem.pool.refused {rental}"] = 1,
                ["hakmem.pool.leaked {buffer}"] = 0,
                ["hakmem.pool.late_disposals {disposal}"] = 1,
                ["hakmem.pool.limit By"] = 10_000,
            },
            _reader.Read().ToDictionary(each => $"{each.Name} {each.Unit}", each => each.Value));
    }

    [Fact]
    public void ATypedPoolWithoutLimitPublishesNone()
    {
        using NativeMemoryPool<int> pool = new(_heap);
        IDisposable registration = HakmemMetrics.RegisterPool(pool, _name);
        using IMemoryOwner<int> owner = pool.Rent(100);
        Dictionary<string, long> measured = _reader.ReadByName();
        Assert.Equal(400, measured["hakmem.pool.rented"]);
        Assert.DoesNotContain("hakmem.pool.limit", measured.Keys);
        registration.Dispose();
        Assert.Empty(_reader.Read());
    }

    [Fact]
    public void APoolAndANameAreNeeded()
    {
        using NativeMemoryPool pool = new(_heap);
        using NativeMemoryPool<int> typed = new(_heap);
        Assert.Throws<ArgumentNullException>(() => HakmemMetrics.RegisterPool((NativeMemoryPool)null!, _name));
        Assert.Throws<ArgumentNullException>(() => HakmemMetrics.RegisterPool((NativeMemoryPool<int>)null!, _name));
        Assert.Throws<ArgumentException>(() => HakmemMetrics.RegisterPool(pool, ""));
        Assert.Throws<ArgumentException>(() => HakmemMetrics.RegisterPool(typed, ""));
    }

    [Fact]
    public void RentalsAndReturnsOfManyThreadsAddUp()
    {
        using NativeMemoryPool pool = new(_heap);
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[4_000];
        Workers.Run(4, worker =>
        {
            for (int i = worker; i < owners.Length; i += 4)
            {
                owners[i] = pool.Rent(10);
            }
        });
        Workers.Run(4, worker =>
        {
            // Each thread returns what another one rented.
            for (int i = (worker + 1) % 4; i < owners.Length - 400; i += 4)
            {
                owners[i].Dispose();
            }
        });
        NativeMemoryPoolStatistics statistics = pool.GetStatistics();
        Assert.Equal((4_000, 3_600), (statistics.RentalCount, statistics.ReturnCount));
        Assert.Equal((400, 4_000), (statistics.RentedCount, statistics.RentedBytes));
        Array.ForEach(owners[^400..], owner => owner.Dispose());
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
    }
}
