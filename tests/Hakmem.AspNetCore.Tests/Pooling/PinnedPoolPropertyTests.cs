using System;
using System.Buffers;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// Any sequence of rentals, returns, waiting and trims, against a list of what is out. CsCheck shrinks a failing sequence and prints its seed.
public sealed class PinnedPoolPropertyTests
{
    private const int SlabBytes = 128 << 10;
    private const int MaxSlabs = 5;

    private static readonly Gen<(int Kind, int Count)[]> s_steps = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 120]).Array[1, 40];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EverySequenceKeepsTheBooks(bool refuses) =>
        Gen.Select(s_steps, Gen.Int[0, 70], Gen.Bool).Sample(
            (steps, threadCacheBlocks, recycles) => Run(steps, threadCacheBlocks, recycles, refuses),
            iter: 300, threads: 1);

    private static void Run((int Kind, int Count)[] steps, int threadCacheBlocks, bool recycles, bool refuses)
    {
        FakeTimeProvider clock = new();
        PinnedMemoryPoolOptions options = new()
        {
            MaxBytes = MaxSlabs * SlabBytes, RefuseAtLimit = refuses, ThreadCacheBlocks = threadCacheBlocks,
            RecycleOwners = recycles,
            IdleTimeout = TimeSpan.FromSeconds(3),
        };
        using PinnedMemoryPool pool = new(options, timeProvider: clock);
        List<(IMemoryOwner<byte> Owner, int Mark)> model = [];
        int mark = 0;
        foreach ((int kind, int count) in steps)
        {
            for (int i = 0; i < count && kind < 8; i++)
            {
                if (kind < 4)
                {
                    RentOne(pool, model, ++mark, refuses);
                }
                else if (model.Count > 0)
                {
                    ReturnOne(model, kind == 4 ? model.Count - 1 : (i * 7) % model.Count);
                }
            }

            clock.Advance(TimeSpan.FromSeconds(kind == 8 ? 1 : 0));
            if (kind == 9)
            {
                pool.Trim();
            }

            AssertBooks(pool, model.Count, mark);
        }

        while (model.Count > 0)
        {
            ReturnOne(model, 0);
        }

        clock.Advance(options.IdleTimeout);
        AssertBooks(pool, 0, mark);
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        Assert.False(pool.IsTicking);
    }

    private static void RentOne(
        PinnedMemoryPool pool, List<(IMemoryOwner<byte> Owner, int Mark)> model, int mark, bool refuses)
    {
        // Refused exactly when every block that the limit allows is out.
        if (refuses && model.Count == MaxSlabs * 32)
        {
            Assert.Throws<OutOfMemoryException>(() => pool.Rent());
            ReturnOne(model, 0);
        }

        IMemoryOwner<byte> owner = pool.Rent();
        MemoryMarshal.Cast<byte, int>(owner.Memory.Span).Fill(mark);
        model.Add((owner, mark));
    }

    private static void ReturnOne(List<(IMemoryOwner<byte> Owner, int Mark)> model, int index)
    {
        (IMemoryOwner<byte> owner, int mark) = model[index];
        Assert.Equal(-1, MemoryMarshal.Cast<byte, int>(owner.Memory.Span).IndexOfAnyExcept(mark));
        owner.Dispose();
        model.RemoveAt(index);
    }

    private static void AssertBooks(PinnedMemoryPool pool, int rented, int rents)
    {
        pool.CheckInvariants();
        PinnedMemoryPoolStatistics books = pool.GetStatistics();
        Assert.Equal(rented * 4096L, books.RentedBytes);
        Assert.Equal(rents, books.Rents);
        Assert.Equal(books.TotalBytes, books.RentedBytes + books.PooledBytes);
        long slabs = (books.Allocations - books.Evictions) * SlabBytes;
        Assert.Equal(books.TotalBytes, slabs + books.BeyondLimitBytes);
        Assert.InRange(slabs, 0, MaxSlabs * SlabBytes);

        // It goes on for a step after the last block from beyond the limit came back.
        Assert.True(pool.IsTicking || books.TotalBytes == 0);
        Assert.True(!pool.IsTicking || books.TotalBytes > 0 || books.BeyondLimitRents > 0);
    }
}
