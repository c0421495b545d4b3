using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.AspNetCore.Tests.Support;
using Hakmem.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// Threads that come and go hand verified blocks to each other, while the clock runs and memory is trimmed.
[Collection(StressCollection.Name)]
public sealed class PinnedPoolStress
{
    private const int Threads = 6;
    private const int Generations = 3;
    private const int Steps = 12_000;

    [Theory]
    [InlineData(64, true)]
    [InlineData(4, true)]
    [InlineData(0, true)]
    [InlineData(64, false)]
    public void BlocksKeepTheirContentsAndAllComeBack(int threadCacheBlocks, bool recycleOwners) => Seeded.Run(seed =>
    {
        FakeTimeProvider clock = new();
        PinnedMemoryPoolOptions options = new()
        {
            ThreadCacheBlocks = threadCacheBlocks, RecycleOwners = recycleOwners, IdleTimeout = TimeSpan.FromSeconds(3),
        };
        using PinnedMemoryPool pool = new(options, timeProvider: clock);
        ConcurrentQueue<(IMemoryOwner<byte> Owner, int Mark)> handedOn = new();
        int marks = 0;
        for (int generation = 0; generation < Generations; generation++)
        {
            Workers.Run(Threads, worker =>
            {
                Random random = new(seed + (generation * Threads) + worker);
                for (int i = 0; i < Steps; i++)
                {
                    switch (random.Next(9))
                    {
                        case < 4:
                            int mark = Interlocked.Increment(ref marks);
                            IMemoryOwner<byte> owner = pool.Rent();
                            MemoryMarshal.Cast<byte, int>(owner.Memory.Span).Fill(mark);
                            handedOn.Enqueue((owner, mark));
                            break;
                        case < 8:
                            VerifyAndReturnOne(handedOn);
                            break;
                        default:
                            DisturbSometimes(random.Next(40), pool, clock);
                            break;
                    }
                }
            });
            pool.CheckInvariants();
        }

        while (VerifyAndReturnOne(handedOn))
        {
        }

        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        Assert.Equal(marks, pool.GetStatistics().Rents);
        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        pool.CheckInvariants();
    });

    private static void DisturbSometimes(int choice, PinnedMemoryPool pool, FakeTimeProvider clock)
    {
        if (choice == 0)
        {
            pool.Trim();
        }
        else if (choice < 10)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private static bool VerifyAndReturnOne(ConcurrentQueue<(IMemoryOwner<byte> Owner, int Mark)> handedOn)
    {
        if (!handedOn.TryDequeue(out var next))
        {
            return false;
        }

        int wrong = MemoryMarshal.Cast<byte, int>(next.Owner.Memory.Span).IndexOfAnyExcept(next.Mark);
        Assert.True(wrong < 0, $"Word {wrong} of block {next.Mark} was changed.");
        next.Owner.Dispose();
        return true;
    }
}
