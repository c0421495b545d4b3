using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

public sealed class ByteLimitTests : IDisposable
{
    private const int SlabBytes = 128 << 10;
    private const int Blocks = 2 * 32;

    // Two slabs, and some that do not make a third.
    private readonly PinnedMemoryPool _pool =
        new(new PinnedMemoryPoolOptions { MaxBytes = (3 * SlabBytes) - 1, RefuseAtLimit = true });

    [Fact]
    public void TheLimitIsNeverExceededAndSaysWhatItIs()
    {
        List<IMemoryOwner<byte>> owners = [.. Enumerable.Range(0, Blocks).Select(_ => _pool.Rent())];
        OutOfMemoryException refusal = Assert.Throws<OutOfMemoryException>(() => _pool.Rent());
        Assert.Contains($"{(3 * SlabBytes) - 1} bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Hakmem:Kestrel:MaxBytes", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"all {Blocks} blocks", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(2 * SlabBytes, _pool.GetStatistics().TotalBytes);

        // And goes on working.
        owners[17].Dispose();
        owners[17] = _pool.Rent();
        Assert.Throws<OutOfMemoryException>(() => _pool.Rent());
        owners.ForEach(owner => owner.Dispose());
    }

    [Fact]
    public void WhatOtherThreadsKeepForLaterIsFetchedAtTheLimit()
    {
        Workers.RunAndHold(3, _ => RentAndReturn(Blocks / 3), whileIdle: () =>
        {
            IMemoryOwner<byte>[] all = [.. Enumerable.Range(0, Blocks).Select(_ => _pool.Rent())];
            Assert.Throws<OutOfMemoryException>(() => _pool.Rent());
            Array.ForEach(all, owner => owner.Dispose());
        });
    }

    // Every rental either succeeds or is refused, and the limit holds at every moment.
    [Fact]
    public void ThreadsThatContendForTheLastBlocksAreServedOrRefused()
    {
        Workers.Run(4, worker =>
        {
            List<IMemoryOwner<byte>> held = [];
            Random random = new(worker);
            for (int i = 0; i < 5_000; i++)
            {
                if (random.Next(2) == 0 && held.Count > 0)
                {
                    Assert.Equal((byte)worker, held[^1].Memory.Span[random.Next(4096)]);
                    held[^1].Dispose();
                    held.RemoveAt(held.Count - 1);
                    continue;
                }

                try
                {
                    IMemoryOwner<byte> owner = _pool.Rent();
                    owner.Memory.Span.Fill((byte)worker);
                    held.Add(owner);
                }
                catch (OutOfMemoryException)
                {
                    held.ForEach(owner => owner.Dispose());
                    held.Clear();
                }
            }

            held.ForEach(owner => owner.Dispose());
        });
        Assert.True(_pool.GetStatistics().TotalBytes <= 2 * SlabBytes);
    }

    public void Dispose()
    {
        _pool.CheckInvariants();
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
        _pool.Dispose();
    }

    private void RentAndReturn(int blocks)
    {
        IMemoryOwner<byte>[] owners = [.. Enumerable.Range(0, blocks).Select(_ => _pool.Rent())];
        Array.ForEach(owners, owner => owner.Dispose());
    }
}
