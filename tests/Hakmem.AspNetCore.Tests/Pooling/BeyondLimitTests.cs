using System;
using System.Buffers;
using System.Linq;
using System.Runtime.InteropServices;
using Hakmem.AspNetCore.Pooling;
using Hakmem.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// At its limit a pool serves with arrays of their own, which it does not keep.
public sealed class BeyondLimitTests
{
    private const int SlabBytes = 128 << 10;
    private const int Blocks = 32;
    private static readonly TimeSpan s_idleTimeout = TimeSpan.FromSeconds(9);

    private readonly FakeTimeProvider _clock = new();
    private readonly CountingHeap _heap = new();

    [Theory]
    [InlineData(0, false)]
    [InlineData(64, false)]
    [InlineData(64, true)]
    public void WhatIsBeyondIsServedCountedAndNotKept(int threadCacheBlocks, bool recyclesOwners)
    {
        using PinnedMemoryPool pool = Create(threadCacheBlocks, recyclesOwners);
        for (int round = 1; round <= 3; round++)
        {
            IMemoryOwner<byte>[] within = Rent(pool, Blocks);
            IMemoryOwner<byte>[] beyond = Rent(pool, 100);
            AssertDistinctAndPinned([.. within, .. beyond]);
            PinnedMemoryPoolStatistics busy = pool.GetStatistics();
            Assert.Equal(SlabBytes + (100 * 4096), busy.TotalBytes);
            Assert.Equal(busy.TotalBytes, busy.RentedBytes);
            Assert.Equal(100 * 4096, busy.BeyondLimitBytes);
            Assert.Equal(round * 100, busy.BeyondLimitRents);
            Assert.Equal(round * (100 + Blocks), busy.Rents);

            // Another thread may return them, and in any order.
            Workers.RunOne(() => Array.ForEach([.. within, .. beyond], owner => owner.Dispose()));
            PinnedMemoryPoolStatistics idle = pool.GetStatistics();
            Assert.Equal(0, idle.RentedBytes);
            Assert.Equal(0, idle.BeyondLimitBytes);
            Assert.Equal(SlabBytes, idle.TotalBytes);
            Assert.Equal(SlabBytes, idle.PooledBytes);
            Assert.Equal(1, idle.Allocations);
            Assert.Equal(0, idle.LateDisposeCount);
            pool.CheckInvariants();
        }
    }

    [Fact]
    public void WhatOtherThreadsKeepComesFirst()
    {
        using PinnedMemoryPool pool = Create();
        Workers.RunAndHold(2, _ => Array.ForEach(Rent(pool, Blocks / 2), owner => owner.Dispose()), whileIdle: () =>
        {
            IMemoryOwner<byte>[] all = Rent(pool, Blocks);
            Assert.Equal(0, pool.GetStatistics().BeyondLimitRents);
            Array.ForEach(all, owner => owner.Dispose());
        });
    }

    [Fact]
    public void ABlockThatCameBackIsTakenBeforeAnother()
    {
        using PinnedMemoryPool pool = Create();
        IMemoryOwner<byte>[] all = Rent(pool, Blocks + 1);
        all[3].Dispose();
        all[3] = pool.Rent();
        Assert.Equal(1, pool.GetStatistics().BeyondLimitRents);
        Array.ForEach(all, owner => owner.Dispose());
    }

    [Fact]
    public void BeyondBlocksStayValidAfterTheEnd()
    {
        PinnedMemoryPool pool = Create();
        IMemoryOwner<byte>[] all = Rent(pool, Blocks + 1);
        pool.Dispose();
        all[^1].Memory.Span.Fill(7);
        Assert.Equal(4096, pool.GetStatistics().BeyondLimitBytes);
        Array.ForEach(all, owner => owner.Dispose());
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        pool.CheckInvariants();
    }

    // What went beyond is garbage like a dropped slab, and so is worth a collection, also if it comes back last.
    [Fact]
    public void WhatCameBackFromBeyondIsCollected()
    {
        using PinnedMemoryPool pool = Create();
        IMemoryOwner<byte>[] within = Rent(pool, Blocks);
        IMemoryOwner<byte>[] beyond = Rent(pool, 256);
        Array.ForEach(within, owner => owner.Dispose());
        _clock.Advance(s_idleTimeout);
        Assert.Equal(256 * 4096, pool.GetStatistics().TotalBytes);
        Assert.True(pool.IsTicking);
        Assert.Equal(0, _heap.Collected);
        Array.ForEach(beyond, owner => owner.Dispose());
        _clock.Advance(s_idleTimeout);
        Assert.Equal(1, _heap.Collected);
        Assert.False(pool.IsTicking);
    }

    // While a load goes beyond the limit there is garbage in each step, and no end of a peak.
    [Fact]
    public void ALoadBeyondTheLimitForcesNoCollection()
    {
        using PinnedMemoryPool pool = Create();
        IMemoryOwner<byte>[] within = Rent(pool, Blocks);
        for (int step = 0; step < 20; step++)
        {
            Array.ForEach(Rent(pool, 1_024), owner => owner.Dispose());
            _clock.Advance(s_idleTimeout / 3);
        }

        Assert.Equal(0, _heap.Collected);
        _clock.Advance(s_idleTimeout);
        Assert.Equal(1, _heap.Collected);
        Array.ForEach(within, owner => owner.Dispose());
    }

    // Every rental is served, also where threads contend for the last blocks.
    [Fact]
    public void ThreadsThatContendAtTheLimitKeepTheBooks()
    {
        using PinnedMemoryPool pool = Create(threadCacheBlocks: 4, recyclesOwners: true);
        Workers.Run(4, worker =>
        {
            Random random = new(worker);
            IMemoryOwner<byte>?[] held = new IMemoryOwner<byte>?[20];
            for (int i = 0; i < 20_000; i++)
            {
                ref IMemoryOwner<byte>? slot = ref held[random.Next(held.Length)];
                if (slot is null)
                {
                    slot = pool.Rent();
                    slot.Memory.Span.Fill((byte)worker);
                }
                else
                {
                    Assert.Equal(-1, slot.Memory.Span.IndexOfAnyExcept((byte)worker));
                    slot.Dispose();
                    slot = null;
                }
            }

            Array.ForEach(held, owner => owner?.Dispose());
        });
        PinnedMemoryPoolStatistics idle = pool.GetStatistics();
        Assert.Equal(0, idle.RentedBytes);
        Assert.Equal(SlabBytes, idle.TotalBytes);
        pool.CheckInvariants();
    }

    private static IMemoryOwner<byte>[] Rent(PinnedMemoryPool pool, int blocks) =>
        [.. Enumerable.Range(0, blocks).Select(_ => pool.Rent())];

    private static unsafe void AssertDistinctAndPinned(IMemoryOwner<byte>[] owners)
    {
        nint[] before = [.. owners.Select(AddressOf)];
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
        Assert.Equal(before, owners.Select(AddressOf));
        Assert.All(before, address => Assert.Equal(0, address % 64));
        for (int i = 0; i < owners.Length; i++)
        {
            Assert.True(MemoryMarshal.TryGetArray<byte>(owners[i].Memory, out ArraySegment<byte> segment));
            Assert.Equal(4096, segment.Count);
            segment.AsSpan().Fill((byte)i);
        }

        Assert.All(
            Enumerable.Range(0, owners.Length),
            i => Assert.Equal(-1, owners[i].Memory.Span.IndexOfAnyExcept((byte)i)));

        // SAFETY: an address to compare, never used.
        static nint AddressOf(IMemoryOwner<byte> owner) =>
            (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref owner.Memory.Span[0]);
    }

    private PinnedMemoryPool Create(int threadCacheBlocks = 64, bool recyclesOwners = false) => new(
        new PinnedMemoryPoolOptions
        {
            MaxBytes = SlabBytes, ThreadCacheBlocks = threadCacheBlocks, RecycleOwners = recyclesOwners,
            IdleTimeout = s_idleTimeout,
        },
        meterFactory: null, _clock, _heap);

    private sealed class CountingHeap : ManagedHeap
    {
        public int Collected { get; private set; }

        public override long Bytes => 1 << 20;

        public override int FullCollections => Collected;

        public override void Collect() => Collected++;
    }
}
