using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.Small;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A thread's part of a pool goes with its cache of the shared heap: to nobody else while it lives, and to the next thread after.
public sealed unsafe class RentalShardTests
{
    private readonly PoolCore<byte> _core = new(MemoryPool<byte>.Shared, HakmemAllocator.Shared, null, isShared: false);

    [Fact]
    public void AThreadHasOneShareOfAPoolAndAnotherOfTheNext() => Workers.RunOne(() =>
    {
        PoolCore<byte> other = new(MemoryPool<byte>.Shared, HakmemAllocator.Shared, null, isShared: false);
        RentalShard shard = _core.FindShard()!;
        Assert.Same(shard, _core.FindShard());
        Assert.NotSame(shard, other.FindShard());
        Assert.Same(shard, _core.FindShard());
    });

    [Fact]
    public void ThreadsThatLiveAtATimeHaveSharesOfTheirOwn()
    {
        const int ThreadCount = 20;
        RentalShard[] shards = new RentalShard[ThreadCount];
        using Barrier all = new(ThreadCount);
        Workers.Run(ThreadCount, index =>
        {
            all.SignalAndWait();
            shards[index] = _core.FindShard()!;
            all.SignalAndWait();

            // The table has grown meanwhile, and has lost none.
            Assert.Same(shards[index], _core.FindShard());
            all.SignalAndWait();
        });
        Assert.Equal(ThreadCount, shards.Distinct().Count());
    }

    [Fact]
    public void AThreadThatRentsHasAShare() => Workers.RunOne(() =>
    {
        using IMemoryOwner<byte> owner = _core.Rent(1_000);
        Assert.Equal(1, _core.FindShard()!.Rentals);
        Assert.Equal(1_000, _core.FindShard()!.RentalBytes);
    });

    [Fact]
    public void AThreadThatOnlyReturnsHasAShare()
    {
        IMemoryOwner<byte> owner = _core.Rent(1_000);
        Workers.RunOne(() =>
        {
            long before = _core.FindShard()!.Returns;
            owner.Dispose();
            Assert.Equal(before + 1, _core.FindShard()!.Returns);
        });
        Assert.Equal(0, _core.GetStatistics().RentedCount);
    }

    // Where no memory is left for a thread's cache, it has no share either.
    [Fact]
    public void AReturnIsCountedWithoutAShare()
    {
        PoolCore<byte> recycling = new(MemoryPool<byte>.Shared, HakmemAllocator.Shared, new NativeMemoryPoolOptions { RecycleOwners = true }, isShared: false);
        foreach (PoolCore<byte> core in new[] { _core, recycling })
        {
            core.FindShard()!.AddRental(1_000);
            core.CountReturn(null, new NativeMemoryOwner<byte>(core), 1_000);
            Assert.Equal(0, core.GetStatistics().RentedCount);
            Assert.Equal(0, core.GetStatistics().RentedBytes);
        }
    }

    [Fact]
    public void TheNextThreadHasTheShareOfTheOneThatEndedWithItsCache()
    {
        // Other tests' threads take over caches, too: often enough it is this one's. By number, as the memory of caches
        // that ended comes back.
        Dictionary<int, RentalShard> shards = [];
        bool wasPassedOn = false;
        for (int round = 0; round < 100; round++)
        {
            Workers.RunOne(() =>
            {
                RentalShard shard = _core.FindShard()!;
                int cache = CurrentThread.Shared->Number;
                if (shards.TryGetValue(cache, out RentalShard? known))
                {
                    Assert.Same(known, shard);
                    wasPassedOn = true;
                }

                Assert.True(!shards.ContainsValue(shard) || ReferenceEquals(known, shard), "Two caches have one share.");
                shards[cache] = shard;
            });
        }

        Assert.True(wasPassedOn);
    }

    // What is disposed twice by mistake must not be another renter's meanwhile: also where owners come that other threads had too many of.
    [Fact]
    public void AnOwnerIsNotUsedAgainBeforeSixteenOthersWereReturnedAfterIt() => Workers.RunOne(() =>
    {
        const int Kept = 16;
        PoolCore<byte> core = new(MemoryPool<byte>.Shared, HakmemAllocator.Shared, new NativeMemoryPoolOptions { RecycleOwners = true }, isShared: false);
        IMemoryOwner<byte>[] many = [.. Enumerable.Range(0, 300).Select(_ => core.Rent(10))];
        using Barrier both = new(2);
        Workers.Run(2, worker =>
        {
            // The first has too many, for a while; the second uses what it had too many of.
            if (worker == 0)
            {
                Array.ForEach(many, owner => owner.Dispose());
                both.SignalAndWait();
                both.SignalAndWait();
                return;
            }

            both.SignalAndWait();
            try
            {
                UseWhatAnotherHadTooManyOf(core, Kept);
            }
            finally
            {
                both.SignalAndWait();
            }
        });
    });

    // Rents here, returns there, threads come and go: no buffer is anybody else's meanwhile.
    [Fact]
    public void BuffersKeepTheirContentsWhileThreadsComeAndGo() => Seeded.Run(seed =>
    {
        Dictionary<IMemoryOwner<byte>, byte> live = [];
        for (int round = 0; round < 40; round++)
        {
            Workers.Run(3, index =>
            {
                Random random = new(HashCode.Combine(seed, round, index));
                List<(IMemoryOwner<byte> Owner, byte Fill)> own = [];
                for (int i = 0; i < 200; i++)
                {
                    IMemoryOwner<byte> owner = _core.Rent(random.Next(1, 70_000));
                    byte fill = (byte)random.Next(256);
                    owner.Memory.Span.Fill(fill);
                    own.Add((owner, fill));
                    if (random.Next(3) != 0)
                    {
                        (IMemoryOwner<byte> victim, byte expected) = own[random.Next(own.Count)];
                        own.Remove((victim, expected));
                        VerifyAndReturn(victim, expected);
                    }
                }

                lock (live)
                {
                    own.ForEach(each => live.Add(each.Owner, each.Fill));
                    foreach ((IMemoryOwner<byte> owner, byte fill) in live.Take(own.Count).ToArray())
                    {
                        live.Remove(owner);
                        VerifyAndReturn(owner, fill);
                    }
                }
            });
        }

        foreach ((IMemoryOwner<byte> owner, byte fill) in live)
        {
            VerifyAndReturn(owner, fill);
        }

        Assert.Equal(0, _core.GetStatistics().RentedCount);
    });

    private static void UseWhatAnotherHadTooManyOf(PoolCore<byte> core, int kept)
    {
        Assert.True(core.Owners.OwnerCount > 100);
        RentalShard shard = core.FindShard()!;
        List<IMemoryOwner<byte>> returned = [];
        for (int i = 0; i < kept; i++)
        {
            NativeMemoryOwner<byte> owner = new(core);
            shard.PutIdle(owner);
            returned.Add(owner);
        }

        // Rented, and returned or kept: whoever comes, as many have come in behind it.
        for (int i = 0; i < 1_000; i++)
        {
            IMemoryOwner<byte> rented = core.Rent(10);
            int at = returned.LastIndexOf(rented);
            Assert.True(at < 0 || returned.Count - 1 - at >= kept, $"Rental {i} has an owner that was returned {returned.Count - at} returns ago.");
            if (i % 3 != 0)
            {
                rented.Dispose();
                returned.Add(rented);
            }
        }
    }

    private static void VerifyAndReturn(IMemoryOwner<byte> owner, byte fill)
    {
        Assert.True(!owner.Memory.Span.ContainsAnyExcept(fill), "A buffer was overwritten.");
        owner.Dispose();
    }
}
