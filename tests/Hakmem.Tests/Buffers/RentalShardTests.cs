using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Tests.Support;
using Hakmem.ThreadCaches;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A thread's part of a pool over the shared heap has that thread's cache at hand, and no other's.
public sealed unsafe class RentalShardTests
{
    private readonly RentalBook<byte> _book = new(HakmemAllocator.Shared, null, isShared: false);

    [Fact]
    public void AThreadThatRentsHasItsCacheAtHand() => Workers.RunOne(() =>
    {
        _book.Rent(1_000).Dispose();
        AssertOwnCacheAtHand();
    });

    [Fact]
    public void AThreadThatOnlyReturnsHasItsCacheAtHand()
    {
        IMemoryOwner<byte> owner = _book.Rent(1_000);
        Workers.RunOne(() =>
        {
            owner.Dispose();
            AssertOwnCacheAtHand();
        });
    }

    [Fact]
    public void TheNextThreadDoesNotUseTheCacheOfTheOneThatEnded()
    {
        RentalShard<byte>? first = null;
        Workers.RunOne(() =>
        {
            _book.Rent(1_000).Dispose();
            first = RentalShard<byte>.Of(_book);
        });
        Workers.RunOne(() =>
        {
            Assert.Same(first, RentalShard<byte>.Of(_book));
            Assert.True(first!.Cache == CurrentThread.Shared);
            _book.Rent(1_000).Dispose();
            AssertOwnCacheAtHand();
        });

        // And where the next has a cache of its own already.
        Workers.RunOne(() =>
        {
            HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(100));
            Assert.Same(first, RentalShard<byte>.Of(_book));
            AssertOwnCacheAtHand();
        });
    }

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
                    IMemoryOwner<byte> owner = _book.Rent(random.Next(1, 70_000));
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

        Assert.Equal(0, _book.GetStatistics().RentedCount);
    });

    private void AssertOwnCacheAtHand()
    {
        Assert.True(CurrentThread.Shared != null);
        Assert.True(RentalShard<byte>.Of(_book).Cache == CurrentThread.Shared);
    }

    private static void VerifyAndReturn(IMemoryOwner<byte> owner, byte fill)
    {
        Assert.True(!owner.Memory.Span.ContainsAnyExcept(fill), "A buffer was overwritten.");
        owner.Dispose();
    }
}
