using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Hakmem.AspNetCore.Pooling;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// What a pool gives back while some connections keep a block each, on a clock that the test turns and with a garbage
// collector that counts.
public sealed class KeptConnectionTests : IDisposable
{
    private const int Slabs = 800;
    private const int SlabBlocks = 32;
    private const int SlabBytes = 128 << 10;
    private const int Kept = 40;
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(9);
    private static readonly TimeSpan s_step = s_idle / 3;

    private readonly FakeTimeProvider _clock = new();
    private readonly CountingHeap _heap = new();
    private PinnedMemoryPool _pool = null!;

    // One block of every twentieth slab stays out: no other slab of the load may stay with them, and one collection
    // takes what went.
    [Theory]
    [InlineData(null)]
    [InlineData(true)]
    public void PeakIsCollectedWithFortyBlocksStillOut(bool? collectWhenIdle)
    {
        List<IMemoryOwner<byte>> kept = PeakThatKeepsSome(collectWhenIdle);
        _clock.Advance(s_idle + s_step);
        Assert.Equal(Kept * SlabBytes, _pool.GetStatistics().TotalBytes);
        Assert.Equal(Kept * 4096, _pool.GetStatistics().RentedBytes);
        Assert.Equal(1, _heap.Collections);
        kept.ForEach(owner => owner.Dispose());
    }

    [Fact]
    public void IdleStepsAfterTheCollectionAskForNoOther()
    {
        List<IMemoryOwner<byte>> kept = PeakThatKeepsSome(collectWhenIdle: true);
        _clock.Advance(100 * s_idle);
        Assert.Equal(1, _heap.Collections);
        kept.ForEach(owner => owner.Dispose());
    }

    [Fact]
    public void NoCollectionIsAskedForWhereItIsUnwanted()
    {
        List<IMemoryOwner<byte>> kept = PeakThatKeepsSome(collectWhenIdle: false);
        _clock.Advance(100 * s_idle);
        Assert.Equal(Kept * SlabBytes, _pool.GetStatistics().TotalBytes);
        Assert.Equal(0, _heap.Collections);
        kept.ForEach(owner => owner.Dispose());
    }

    // What was dropped must be garbage when the collector is asked, even if someone still has the owners.
    [Fact]
    public void DisposedOwnersKeepNoDroppedSlab()
    {
        _pool = CreatePool(collectWhenIdle: false);
        List<IMemoryOwner<byte>> owners = Rent(20 * SlabBlocks);
        WeakReference[] arrays = [.. owners.Select(owner => new WeakReference(ArrayOf(owner)))];
        owners.ForEach(owner => owner.Dispose());
        _clock.Advance(s_idle);
        Assert.Equal(0, _pool.GetStatistics().TotalBytes);
        GC.Collect();
        Assert.InRange(arrays.Select(array => array.Target).OfType<byte[]>().Distinct().Count(), 0, 1);
        GC.KeepAlive(owners);
    }

    // Some other collection has taken what was dropped before the pool settled.
    [Fact]
    public void WhatAnotherCollectionTookIsNotAskedForWithBlocksOut()
    {
        List<IMemoryOwner<byte>> kept = PeakThatKeepsSome(collectWhenIdle: true);
        _clock.Advance(s_idle - s_step);
        Assert.InRange(_pool.GetStatistics().TotalBytes, Kept * SlabBytes, 2 * Kept * SlabBytes);
        _heap.CountAnother();
        _clock.Advance(100 * s_idle);
        Assert.Equal(0, _heap.Collections);
        kept.ForEach(owner => owner.Dispose());
    }

    // A service in use whose load goes up and down a little: what it drops is far less than what it holds.
    [Fact]
    public void FluctuatingLoadAsksForNoCollection()
    {
        _pool = CreatePool(collectWhenIdle: true);
        List<IMemoryOwner<byte>> load = Rent(200 * SlabBlocks);
        for (int period = 0; period < 50; period++)
        {
            Rent(10 * SlabBlocks).ForEach(owner => owner.Dispose());
            _clock.Advance(s_idle + s_step);
            Assert.Equal(200 * SlabBytes, _pool.GetStatistics().TotalBytes);
            _heap.CountAnotherEvery(period, 15);
        }

        Assert.Equal(0, _heap.Collections);
        load.ForEach(owner => owner.Dispose());
    }

    // The pages of what is dropped are back with the system before any collection, those of what stays are untouched.
    [Fact]
    public void PagesOfDroppedSlabsAreDiscardedWithoutACollection()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere the collection is all there is.");
        _pool = CreatePool(collectWhenIdle: false);
        List<IMemoryOwner<byte>> owners = Rent(2 * SlabBlocks);
        owners.ForEach(owner => owner.Memory.Span.Fill(0x77));
        byte[][] arrays = [ArrayOf(owners[0]), ArrayOf(owners[^1])];
        Assert.NotSame(arrays[0], arrays[1]);
        owners[1..].ForEach(owner => owner.Dispose());
        _clock.Advance(s_idle);
        Assert.Equal(SlabBytes, _pool.GetStatistics().TotalBytes);
        Assert.InRange(arrays[1].Count(value => value == 0x77), 0, 2 * Environment.SystemPageSize);

        // What lies in front of the blocks and behind them was never cleared, and may have the value by chance.
        Assert.InRange(arrays[0].Count(value => value == 0x77), SlabBytes, arrays[0].Length);
        owners[0].Dispose();
    }

    public void Dispose()
    {
        _pool.CheckInvariants();
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
        _pool.Dispose();
    }

    private static byte[] ArrayOf(IMemoryOwner<byte> owner)
    {
        Assert.True(MemoryMarshal.TryGetArray<byte>(owner.Memory, out ArraySegment<byte> segment));
        return segment.Array!;
    }

    private PinnedMemoryPool CreatePool(bool? collectWhenIdle)
    {
        PinnedMemoryPoolOptions options = new() { IdleTimeout = s_idle, CollectWhenIdle = collectWhenIdle };
        return new PinnedMemoryPool(options, meterFactory: null, _clock, _heap);
    }

    private List<IMemoryOwner<byte>> PeakThatKeepsSome(bool? collectWhenIdle)
    {
        _pool = CreatePool(collectWhenIdle);
        List<IMemoryOwner<byte>> owners = Rent(Slabs * SlabBlocks);
        Assert.Equal(Slabs * SlabBytes, _pool.GetStatistics().TotalBytes);
        int part = owners.Count / Kept;
        for (int i = 0; i < owners.Count; i++)
        {
            if (i % part != 0)
            {
                owners[i].Dispose();
            }
        }

        return [.. owners.Where((_, i) => i % part == 0)];
    }

    private List<IMemoryOwner<byte>> Rent(int blocks) => [.. Enumerable.Range(0, blocks).Select(_ => _pool.Rent())];

    // A managed heap of which the pool's memory is most, and whose collections are counted and not made.
    private sealed class CountingHeap : ManagedHeap
    {
        private int _fullCollections;

        public int Collections { get; private set; }

        public override long Bytes => 150 << 20;

        public override int FullCollections => _fullCollections;

        public override void Collect()
        {
            Collections++;
            _fullCollections++;
        }

        public void CountAnother() => _fullCollections++;

        public void CountAnotherEvery(int period, int periods) => _fullCollections += period % periods == 0 ? 1 : 0;
    }
}
