using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What a pool knows of its rentals: figures, the cap, leaks, and the order in which things end.
public sealed unsafe class PoolAccountingTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void FiguresFollowRentalsAcrossThreads()
    {
        using NativeMemoryPool pool = new(_heap);
        ConcurrentBag<IMemoryOwner<byte>> owners = [];
        Workers.Run(4, _ =>
        {
            for (int i = 0; i < 100; i++)
            {
                owners.Add(pool.Rent(1_000));
            }
        });
        Assert.Equal(400, pool.GetStatistics().RentedCount);
        Assert.Equal(400_000, pool.GetStatistics().RentedBytes);

        // The threads that rented are dead: others take their places, and return what those rented.
        Workers.Run(3, _ =>
        {
            for (int i = 0; i < 100 && owners.TryTake(out IMemoryOwner<byte>? owner); i++)
            {
                owner.Dispose();
                owner.Dispose();
            }
        });
        Assert.Equal(100, pool.GetStatistics().RentedCount);
        Assert.Equal(100_000, pool.GetStatistics().RentedBytes);
        foreach (IMemoryOwner<byte> owner in owners)
        {
            owner.Dispose();
        }

        Assert.Equal(0, pool.GetStatistics().RentedCount);
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        Assert.Equal(0, pool.GetStatistics().LateDisposeCount);
    }

    [Fact]
    public void ManyPoolsOnOneThreadKeepTheirFiguresApart()
    {
        // More pools than a thread's table has places.
        List<NativeMemoryPool> pools = [];
        List<IMemoryOwner<byte>> owners = [];
        for (int i = 0; i < 30; i++)
        {
            pools.Add(new NativeMemoryPool(_heap));
        }

        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < pools.Count; i++)
            {
                owners.Add(pools[i].Rent(i + 1));
            }
        }

        for (int i = 0; i < pools.Count; i++)
        {
            Assert.Equal(3, pools[i].GetStatistics().RentedCount);
            Assert.Equal(3 * (i + 1), pools[i].GetStatistics().RentedBytes);
        }

        owners.ForEach(owner => owner.Dispose());
        Assert.All(pools, pool => Assert.Equal(0, pool.GetStatistics().RentedBytes));
    }

    [Fact]
    public void TheCapIsHardAndExact()
    {
        using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { MaxBytes = 10_000 });
        IMemoryOwner<byte> first = pool.Rent(6_000);
        IMemoryOwner<byte> second = pool.Rent(4_000);
        OutOfMemoryException refusal = Assert.Throws<OutOfMemoryException>(() => pool.Rent(1));
        Assert.Contains("10000 of its limit of 10000", refusal.Message, StringComparison.Ordinal);
        using (pool.Rent(0))
        {
            Assert.Equal(3, pool.GetStatistics().RentedCount);
        }

        second.Dispose();
        Assert.Throws<OutOfMemoryException>(() => pool.Rent(4_001));
        pool.Rent(4_000).Dispose();
        first.Dispose();
        pool.Rent(10_000).Dispose();
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void TheCapHoldsUnderThreads()
    {
        foreach (bool recycles in new[] { false, true })
        {
            using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { MaxBytes = 50_000, RecycleOwners = recycles });
            long rented = 0;
            Workers.Run(4, _ =>
            {
                for (int i = 0; i < 5_000; i++)
                {
                    // Four threads want eight and five fit, so that either may be refused. They are counted after the rental and no more before
                    // the return.
                    using IMemoryOwner<byte>? first = TryRent(pool);
                    using IMemoryOwner<byte>? second = TryRent(pool);
                    long mine = (first is null ? 0 : 9_000) + (second is null ? 0 : 9_000);
                    Assert.InRange(System.Threading.Interlocked.Add(ref rented, mine), 0, 50_000);
                    System.Threading.Interlocked.Add(ref rented, -mine);
                }
            });
            Assert.Equal(0, pool.GetStatistics().RentedBytes);
            pool.Rent(50_000).Dispose();
        }
    }

    [Fact]
    public void ARefusalOfTheHeapLeavesTheCapAsItWas()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using NativeMemoryPool pool = new(heap, new NativeMemoryPoolOptions { MaxBytes = 100 << 20 });
        for (int i = 0; i < 10; i++)
        {
            Assert.Throws<OutOfMemoryException>(() => pool.Rent(50 << 20));
        }

        pool.Rent(1 << 20).Dispose();
        Assert.Equal(0, pool.GetStatistics().RentedCount);
    }

    [Theory]
    [InlineData(LeakTracking.Count, false)]
    [InlineData(LeakTracking.Stacks, false)]
    [InlineData(LeakTracking.Count, true)]
    [InlineData(LeakTracking.Stacks, true)]
    public void ADroppedOwnerIsCountedReportedAndNotFreed(LeakTracking tracking, bool recycles)
    {
        using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { LeakTracking = tracking, RecycleOwners = recycles });
        ConcurrentQueue<NativeMemoryLeak> reports = new();
        pool.Leaked += (_, leak) => reports.Enqueue(leak);
        byte* bytes = RentAndDrop(pool);
        RentAndReturn(pool);
        GC.Collect();
        GC.WaitForPendingFinalizers();

        NativeMemoryLeak report = Assert.Single(reports);
        Assert.Equal(1_234, report.Bytes);
        Assert.Equal(tracking == LeakTracking.Stacks, report.RentalStack is not null);
        if (tracking == LeakTracking.Stacks)
        {
            Assert.Equal(nameof(RentAndDrop), report.RentalStack!.GetFrame(0)!.GetMethod()!.Name);
            Assert.Contains(nameof(RentAndDrop), report.ToString(), StringComparison.Ordinal);
        }

        // Still rented, and what a live span points to is still there.
        NativeMemoryPoolStatistics statistics = pool.GetStatistics();
        Assert.Equal(1, statistics.LeakedCount);
        Assert.Equal(1_234, statistics.LeakedBytes);
        Assert.Equal(1, statistics.RentedCount);
        Assert.Equal(-1, new ReadOnlySpan<byte>(bytes, 1_234).IndexOfAnyExcept((byte)77));
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
    }

    // Many rentals later the same object is watched as it was the first time.
    [Theory]
    [InlineData(LeakTracking.Count)]
    [InlineData(LeakTracking.Stacks)]
    public void AnOwnerThatIsUsedAgainIsCountedWhenItIsDropped(LeakTracking tracking)
    {
        using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { LeakTracking = tracking, RecycleOwners = true });
        for (int round = 0; round < 100; round++)
        {
            RentAndReturn(pool);
        }

        RentAndDrop(pool);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(1, pool.GetStatistics().LeakedCount);
        Assert.Equal(1_234, pool.GetStatistics().LeakedBytes);
    }

    [Fact]
    public void ARentalThatIsRefusedTakesNoRoomFromOthers()
    {
        const int Cap = 100_000;
        using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { MaxBytes = Cap });
        Workers.Run(2, worker =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                if (worker == 0)
                {
                    Assert.Throws<OutOfMemoryException>(() => pool.Rent(Cap + 1));
                }
                else
                {
                    pool.Rent(Cap).Dispose();
                }
            }
        });
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
    }

    // The return of a block that the program has freed itself is an error, and a return.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RentalOfFreedBlockIsReturnedAllTheSame(bool recycles)
    {
        NativeMemoryPoolOptions options = new() { MaxBytes = 100, RecycleOwners = recycles };
        using NativeMemoryPool pool = new(_heap, options);
        IMemoryOwner<byte> owner = pool.Rent(100);
        using (MemoryHandle handle = owner.Memory.Pin())
        {
            _heap.Free(handle.Pointer);
        }

        Assert.Throws<HakmemCorruptionException>(owner.Dispose);
        Assert.Equal(0, pool.GetStatistics().RentedCount);
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        pool.Rent(100).Dispose();
    }

    [Fact]
    public void WithoutTrackingADroppedOwnerHasNoFinalizer()
    {
        using NativeMemoryPool pool = new(_heap);
        RentAndDrop(pool);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(0, pool.GetStatistics().LeakedCount);
        Assert.Equal(1, pool.GetStatistics().RentedCount);
    }

    [Theory]
    [InlineData("owner", "pool", "heap")]
    [InlineData("owner", "heap", "pool")]
    [InlineData("pool", "owner", "heap")]
    [InlineData("pool", "heap", "owner")]
    [InlineData("heap", "owner", "pool")]
    [InlineData("heap", "pool", "owner")]
    public void OwnersPoolAndHeapMayBeDisposedInAnyOrder(params string[] order)
    {
        NativeMemoryPoolOptions[] allOptions =
        [
            new(),
            new() { RecycleOwners = true },
            new() { MaxBytes = 1 << 20 },
            new() { RecycleOwners = true, MaxBytes = 1 << 20 },
            new() { LeakTracking = LeakTracking.Count },
        ];
        foreach (NativeMemoryPoolOptions options in allOptions)
        {
            HakmemAllocator heap = new();
            NativeMemoryPool pool = new(heap, options);
            Dictionary<string, IDisposable> all = new() { ["owner"] = pool.Rent(100), ["pool"] = pool, ["heap"] = heap };
            foreach (string one in order)
            {
                all[one].Dispose();
                if (one == "owner" && Array.IndexOf(order, "owner") < Array.IndexOf(order, "heap"))
                {
                    Assert.Equal(0, heap.GetStatistics().LiveBlocks);
                }
            }

            Assert.Equal(0, pool.GetStatistics().RentedCount);
        }
    }

    [Fact]
    public void OptionsOutOfRangeAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { MaxBytes = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { LeakTracking = (LeakTracking)3 }));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { LeakTracking = (LeakTracking)(-1) }));
    }

    // Not inlined, so that nothing of the owner is left on the stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* RentAndDrop(NativeMemoryPool pool)
    {
        IMemoryOwner<byte> owner = pool.Rent(1_234);
        owner.Memory.Span.Fill(77);
        using MemoryHandle handle = owner.Memory.Pin();
        return (byte*)handle.Pointer;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RentAndReturn(NativeMemoryPool pool)
    {
        for (int i = 0; i < 50; i++)
        {
            pool.Rent(50).Dispose();
        }
    }

    private static IMemoryOwner<byte>? TryRent(NativeMemoryPool pool)
    {
        try
        {
            return pool.Rent(9_000);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }
}
