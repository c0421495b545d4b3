using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Owners that are used again: no garbage, and what is told of disposals that come too late.
public sealed unsafe class RecyclingPoolTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly NativeMemoryPool _pool;

    public RecyclingPoolTests()
    {
        _pool = NewPool(_heap);
    }

    public void Dispose() => _heap.Dispose();

    // Over the shared heap the way is a shorter one.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RentingMakesNoGarbageOnceThereAreOwners(bool isShared)
    {
        NativeMemoryPool pool = isShared ? NewPool(HakmemAllocator.Shared) : _pool;
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[100];
        Assert.Equal(0, ManagedGarbage.Measure(rounds: 100, () =>
        {
            RentAll(pool, owners);
            FreeAll(owners);
        }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NeitherDoesRentingOnOneThreadAndReturningOnAnother(bool isShared)
    {
        NativeMemoryPool pool = isShared ? NewPool(HakmemAllocator.Shared) : _pool;
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[100];
        long[] tries = new long[6];
        TakeTurns(
            rounds: 100 * tries.Length,
            round => tries[round / 100] += RentAll(pool, owners),
            round => tries[round / 100] += FreeAll(owners));
        Assert.Equal(0, ManagedGarbage.Median(tries.AsSpan(1)));
    }

    [Fact]
    public void OwnersComeBackToTheThreadThatRentsFromTheOneThatReturns()
    {
        HashSet<IMemoryOwner<byte>> all = [];
        IMemoryOwner<byte>[] batch = new IMemoryOwner<byte>[100];
        TakeTurns(
            rounds: 50,
            _ =>
            {
                RentAll(_pool, batch);
                all.UnionWith(batch);
            },
            _ => FreeAll(batch));

        // 100 are out at a time, a ring each may lie idle; without a way back it would be 5000.
        Assert.InRange(all.Count, 100, 300);
        Assert.Equal(0, _pool.GetStatistics().RentedCount);
    }

    [Fact]
    public void ALateDisposalIsCountedAndHarmlessWhileTheOwnerIsIdle()
    {
        IMemoryOwner<byte> owner = _pool.Rent(100);
        Memory<byte> memory = owner.Memory;
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(1, _pool.GetStatistics().LateDisposeCount);

        // Sixteen others go by before it is used again.
        for (int i = 0; i < 15; i++)
        {
            using IMemoryOwner<byte> other = _pool.Rent(100);
            Assert.NotSame(owner, other);
            Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
            Assert.Throws<ObjectDisposedException>(() => owner.Memory);
            owner.Dispose();
        }

        Assert.Equal(16, _pool.GetStatistics().LateDisposeCount);
        Assert.Equal(0, _pool.GetStatistics().RentedCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void RacingDisposalsFreeOnce()
    {
        for (int round = 0; round < 200; round++)
        {
            IMemoryOwner<byte> owner = _pool.Rent(500);
            using System.Threading.Barrier start = new(2);
            Workers.Run(2, _ =>
            {
                start.SignalAndWait();
                owner.Dispose();
            });
        }

        Assert.Equal(200, _pool.GetStatistics().LateDisposeCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void RefusedRentalsKeepTheIdleOwners()
    {
        NativeMemoryPoolOptions options = new() { RecycleOwners = true, MaxBytes = 1_000 };
        using NativeMemoryPool pool = new(_heap, options);
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[40];
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i] = pool.Rent(1);
        }

        HashSet<IMemoryOwner<byte>> known = [.. owners];
        FreeAll(owners);
        for (int i = 0; i < 100; i++)
        {
            Assert.Throws<OutOfMemoryException>(() => pool.Rent(1_001));
        }

        // All but those that were returned last are used again.
        for (int i = 0; i < owners.Length - 16; i++)
        {
            owners[i] = pool.Rent(1);
            Assert.True(known.Remove(owners[i]), $"Rental {i} has a new owner, or one that another rental has.");
        }

        Assert.Equal(owners.Length - 16, pool.GetStatistics().RentedCount);
    }

    [Fact]
    public void ManyThreadsNeverShareABuffer()
    {
        ConcurrentQueue<(IMemoryOwner<byte> Owner, byte Mark)> handedOn = new();
        Seeded.Run(seed => Workers.Run(4, worker =>
        {
            Random random = new(seed + worker);
            List<(IMemoryOwner<byte> Owner, byte Mark)> mine = [];
            for (int i = 0; i < 20_000; i++)
            {
                byte mark = (byte)random.Next(256);
                IMemoryOwner<byte> owner = _pool.Rent(random.Next(1, 300));
                owner.Memory.Span.Fill(mark);
                mine.Add((owner, mark));
                if (random.Next(4) == 0)
                {
                    handedOn.Enqueue(TakeAny(mine, random));
                }

                if (random.Next(4) == 0 && handedOn.TryDequeue(out (IMemoryOwner<byte> Owner, byte Mark) other))
                {
                    VerifyAndReturn(other);
                }

                while (mine.Count > random.Next(5, 60))
                {
                    VerifyAndReturn(TakeAny(mine, random));
                }
            }

            mine.ForEach(VerifyAndReturn);
        }));
        while (handedOn.TryDequeue(out (IMemoryOwner<byte> Owner, byte Mark) left))
        {
            VerifyAndReturn(left);
        }

        NativeMemoryPoolStatistics statistics = _pool.GetStatistics();
        Assert.Equal(0, statistics.RentedCount);
        Assert.Equal(0, statistics.RentedBytes);
        Assert.Equal(0, statistics.LateDisposeCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    private static (IMemoryOwner<byte> Owner, byte Mark) TakeAny(List<(IMemoryOwner<byte> Owner, byte Mark)> list, Random random)
    {
        int index = random.Next(list.Count);
        (IMemoryOwner<byte> Owner, byte Mark) taken = list[index];
        list.RemoveAt(index);
        return taken;
    }

    private static void VerifyAndReturn((IMemoryOwner<byte> Owner, byte Mark) rental)
    {
        Assert.Equal(-1, rental.Owner.Memory.Span.IndexOfAnyExcept(rental.Mark));
        rental.Owner.Dispose();
    }

    private static NativeMemoryPool NewPool(HakmemAllocator heap) => new(heap, new NativeMemoryPoolOptions { RecycleOwners = true });

    // Two threads, of which one rents and the other returns, never at the same time.
    private static void TakeTurns(int rounds, Action<int> rent, Action<int> giveBack)
    {
        using SemaphoreSlim rented = new(0);
        using SemaphoreSlim returned = new(1);
        Workers.Run(2, worker =>
        {
            for (int round = 0; round < rounds; round++)
            {
                (worker == 0 ? returned : rented).Wait();
                (worker == 0 ? rent : giveBack)(round);
                (worker == 0 ? rented : returned).Release();
            }
        });
    }

    // Both say how many bytes of managed memory they took.
    private static long RentAll(NativeMemoryPool pool, IMemoryOwner<byte>[] owners)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i] = pool.Rent(100 + i);
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static long FreeAll(IMemoryOwner<byte>[] owners)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i].Dispose();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
