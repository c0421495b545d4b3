using System;
using System.Buffers;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// What goes back when, on a clock that the test turns.
public sealed class IdleDecayTests : IDisposable
{
    private const int SlabBytes = 128 << 10;
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(9);
    private static readonly TimeSpan s_step = s_idle / 3;

    private readonly FakeTimeProvider _clock = new();
    private readonly PinnedMemoryPool _pool;

    public IdleDecayTests() => _pool = new PinnedMemoryPool(new PinnedMemoryPoolOptions { IdleTimeout = s_idle }, timeProvider: _clock);

    [Fact]
    public void WhatIsUnusedForTheTimeoutIsGivenUp()
    {
        RentAndReturn(300);
        Assert.Equal(10 * SlabBytes, Total);
        _clock.Advance(s_idle);
        Assert.Equal(0, Total);
        Assert.Equal(10, _pool.GetStatistics().Evictions);
    }

    [Fact]
    public void NothingIsGivenUpBeforeTwoThirdsOfTheTimeout()
    {
        RentAndReturn(300);
        _clock.Advance(s_step);
        RentAndReturn(300);
        _clock.Advance(s_step);
        Assert.Equal(10 * SlabBytes, Total);
    }

    [Fact]
    public void TheTimerRunsWhileThereAreSlabsAndOnlyThen()
    {
        Assert.False(_pool.IsTicking);
        IMemoryOwner<byte> owner = _pool.Rent();
        Assert.True(_pool.IsTicking);
        _clock.Advance(10 * s_idle);
        Assert.True(_pool.IsTicking);
        owner.Dispose();
        _clock.Advance(s_idle);
        Assert.Equal(0, Total);
        Assert.False(_pool.IsTicking);

        // And again, once there are some.
        RentAndReturn(1);
        Assert.True(_pool.IsTicking);
        _clock.Advance(s_idle);
        Assert.False(_pool.IsTicking);
        Assert.Equal(0, Total);
    }

    [Fact]
    public void TrimStopsTheTimerToo()
    {
        RentAndReturn(1);
        _pool.Trim();
        Assert.False(_pool.IsTicking);
    }

    [Fact]
    public void WhatIsInUseStaysHoweverLong()
    {
        IMemoryOwner<byte> owner = _pool.Rent();
        owner.Memory.Span.Fill(3);
        RentAndReturn(300);
        _clock.Advance(5 * s_idle);
        Assert.Equal(SlabBytes, Total);
        Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)3));
        owner.Dispose();
    }

    [Fact]
    public void OnlyWhatALighterLoadNeedsStays()
    {
        RentAndReturn(1_000);
        for (int i = 0; i < 6; i++)
        {
            RentAndReturn(40);
            _clock.Advance(s_step);
        }

        Assert.InRange(Total, 2 * SlabBytes, 4 * SlabBytes);
        _pool.CheckInvariants();
    }

    [Fact]
    public void AnIdleThreadsCacheIsEmptied()
    {
        Workers.RunAndHold(4, _ => RentAndReturn(20), whileIdle: () =>
        {
            Assert.True(Total > 0);
            _clock.Advance(s_idle);
            Assert.Equal(0, Total);
        });
    }

    [Fact]
    public void ADeadThreadsCacheIsEmptiedAndItsRentalsStayCounted()
    {
        Workers.Run(4, _ => RentAndReturn(20));
        _clock.Advance(s_idle);
        Assert.Equal(0, Total);
        Assert.Equal(80, _pool.GetStatistics().Rents);
    }

    // With the collection the array is gone when Advance returns. (Without it may be gone too, when some other test collects.)
    [Fact]
    public void ACollectionFollowsWhereItWasAskedFor()
    {
        using PinnedMemoryPool pool = new(
            new PinnedMemoryPoolOptions { IdleTimeout = s_idle, CollectWhenIdle = true }, timeProvider: _clock);
        WeakReference array = ArrayOfAReturnedBlock(pool, 1_000);
        _clock.Advance(s_idle);
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        Assert.False(array.IsAlive);
    }

    // Seven slabs twice are more than a mebibyte, but the first seven are gone by then. A round in which some other test collects beside the
    // pool says nothing, hence several, of which one is enough: a pool that counts the first seven again collects in each.
    [Fact]
    public void WhatAnotherCollectionTookIsNotCountedAgain() =>
        Assert.Contains(Enumerable.Range(0, 50), _ => OutlivesASecondIdlePeriod(blocksOfEach: 7 * 32));

    public void Dispose()
    {
        _pool.Dispose();
        Assert.False(_pool.IsTicking);
    }

    private long Total => _pool.GetStatistics().TotalBytes;

    // Whether memory that a pool gave up in its second idle period is there after it: whether the pool did not ask for a collection.
    private bool OutlivesASecondIdlePeriod(int blocksOfEach)
    {
        using PinnedMemoryPool pool = new(
            new PinnedMemoryPoolOptions { IdleTimeout = s_idle, CollectWhenIdle = true }, timeProvider: _clock);
        ArrayOfAReturnedBlock(pool, blocksOfEach);
        _clock.Advance(s_idle);
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        GC.Collect();
        WeakReference array = ArrayOfAReturnedBlock(pool, blocksOfEach);
        _clock.Advance(s_idle);
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        return array.IsAlive;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference ArrayOfAReturnedBlock(PinnedMemoryPool pool, int blocks)
    {
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[blocks];
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i] = pool.Rent();
        }

        Assert.True(MemoryMarshal.TryGetArray<byte>(owners[0].Memory, out ArraySegment<byte> segment));
        Array.ForEach(owners, owner => owner.Dispose());
        return new WeakReference(segment.Array);
    }

    private void RentAndReturn(int blocks)
    {
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[blocks];
        for (int i = 0; i < blocks; i++)
        {
            owners[i] = _pool.Rent();
        }

        Array.ForEach(owners, owner => owner.Dispose());
    }
}
