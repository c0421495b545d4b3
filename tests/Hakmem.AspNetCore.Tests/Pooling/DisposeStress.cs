using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.AspNetCore.Tests.Support;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

[Collection(StressCollection.Name)]
public sealed class DisposeStress
{
    // A pool that is disposed beside rentals and returns: each rental works or is refused, and nothing stays behind.
    [Fact]
    public void APoolMayEndBesideItsUsers()
    {
        for (int round = 0; round < 100; round++)
        {
            using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { ThreadCacheBlocks = round % 9 });
            ConcurrentBag<IMemoryOwner<byte>> owners = [];
            using Barrier barrier = new(3);
            Workers.Run(3, worker =>
            {
                barrier.SignalAndWait();
                if (worker == 0)
                {
                    Thread.Yield();
                    pool.Dispose();
                    return;
                }

                try
                {
                    for (int i = 0; i < 500; i++)
                    {
                        owners.Add(pool.Rent());
                        if (i % 3 != 0 && owners.TryTake(out IMemoryOwner<byte>? owner))
                        {
                            owner.Dispose();
                        }
                    }
                }
                catch (ObjectDisposedException)
                {
                    // What the other thread's Dispose is for.
                }
            });
            foreach (IMemoryOwner<byte> owner in owners)
            {
                owner.Memory.Span.Fill(1);
                owner.Dispose();
            }

            Assert.Equal(0, pool.GetStatistics().TotalBytes);
            Assert.False(pool.IsTicking);
            pool.CheckInvariants();
        }
    }
}
