using System;
using System.Buffers;
using System.Threading;
using Hakmem.AspNetCore.Tests.Support;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// A limit is for what is in use: a block that another thread keeps, fetches or brings back is free. So as many slots as the pool has blocks,
// each for one rental, can never see a refusal, however the threads' calls come to overlap.
[Collection(StressCollection.Name)]
public sealed class LimitStress
{
    private const int Blocks = 32;
    private const int Threads = 8;
    private const int Steps = 250_000;

    [Theory]
    [InlineData(64)]
    [InlineData(16)]
    [InlineData(2)]
    [InlineData(0)]
    public void NoRentalIsRefusedWhileNotAllBlocksAreInUse(int threadCacheBlocks) => Seeded.Run(seed =>
    {
        using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions
        {
            MaxBytes = 128 << 10, RefuseAtLimit = true, ThreadCacheBlocks = threadCacheBlocks,
        });
        Slot[] slots = new Slot[Blocks];
        Workers.Run(Threads, worker =>
        {
            Random random = new(seed + worker);
            for (int i = 0; i < Steps; i++)
            {
                UseOne(pool, ref slots[random.Next(Blocks)], staysEmpty: random.Next(4) == 0);
            }
        });
        Array.ForEach(slots, slot => slot.Owner?.Dispose());
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        pool.CheckInvariants();
    });

    // Any thread may return what another has rented. A slot stays taken until the calls have ended, and most are in use most of the time, so
    // that few blocks are free.
    private static void UseOne(PinnedMemoryPool pool, ref Slot slot, bool staysEmpty)
    {
        if (Interlocked.CompareExchange(ref slot.IsTaken, 1, 0) != 0)
        {
            return;
        }

        bool wasInUse = slot.Owner is not null;
        slot.Owner?.Dispose();
        slot.Owner = wasInUse && staysEmpty ? null : pool.Rent();
        Volatile.Write(ref slot.IsTaken, 0);
    }

    private struct Slot
    {
        // 1 while a thread is busy with it. Taken by an interlocked exchange, given by a release store.
        public int IsTaken;

        // Read and written by whoever has taken it.
        public IMemoryOwner<byte>? Owner;
    }
}
