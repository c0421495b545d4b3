using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.AspNetCore.Tests.Support;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// Owners that are disposed twice, late or never: nobody else's memory may suffer.
public sealed class LateDisposalTests
{
    private const int RacedDisposals = 400_000;

    // The next renter has the same block, which a late disposal must not take away.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LateDisposalDoesNotReturnTheBlockOfTheNextRenter(bool recycleOwners)
    {
        using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { RecycleOwners = recycleOwners });
        IMemoryOwner<byte> late = pool.Rent();
        nint address = AddressOf(late);
        late.Dispose();
        for (int i = 0; i < 7; i++)
        {
            using IMemoryOwner<byte> victim = pool.Rent();
            Assert.Equal(address, AddressOf(victim));
            late.Dispose();
            Assert.Equal(4096, pool.GetStatistics().RentedBytes);
            Assert.Throws<ObjectDisposedException>(() => late.Memory);
            using IMemoryOwner<byte> another = pool.Rent();
            Assert.NotEqual(address, AddressOf(another));
        }

        AssertBlocksAreDistinct(pool, 40);
    }

    // Two threads that live through all rounds and spin, since the moment between looking at an owner and marking it is
    // a few instructions: with a thread started for each round they hardly ever met in it.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OfRacingDisposalsOneReturnsTheBlock(bool recycleOwners)
    {
        using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { RecycleOwners = recycleOwners });
        IMemoryOwner<byte> owner = null!;
        long doubles = 0;
        RacingPair.Run(
            RacedDisposals,
            prepare: _ => owner = pool.Rent(),
            race: () => owner.Dispose(),
            check: round =>
            {
                PinnedMemoryPoolStatistics figures = pool.GetStatistics();
                doubles += figures.RentedBytes == 0 && figures.LateDisposeCount == (recycleOwners ? round : 0) ? 0 : 1;
                return doubles == 0;
            });
        Assert.Equal(0, doubles);
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        pool.CheckInvariants();
    }

    [Fact]
    public void ALostOwnersBlockIsCountedAndNeverGivenAway()
    {
        using PinnedMemoryPool pool = new();
        Memory<byte> lost = RentAndLose(pool);
        lost.Span.Fill(0x5A);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.Equal(4096, pool.GetStatistics().RentedBytes);

        // As many as make it sure that a block which had come back would be among them.
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[500];
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i] = pool.Rent();
            owners[i].Memory.Span.Fill((byte)i);
        }

        Assert.Equal(-1, lost.Span.IndexOfAnyExcept((byte)0x5A));
        Array.ForEach(owners, owner => owner.Dispose());
        pool.Trim();
        Assert.Equal(-1, lost.Span.IndexOfAnyExcept((byte)0x5A));
        Assert.Equal(32 * 4096, pool.GetStatistics().TotalBytes);
        Assert.Equal(4096, pool.GetStatistics().RentedBytes);
    }

    [Fact]
    public void BlocksOfADisposedPoolComeBackToNothing()
    {
        PinnedMemoryPool pool = new();
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[100];
        for (int i = 0; i < owners.Length; i++)
        {
            owners[i] = pool.Rent();
        }

        pool.Dispose();
        Assert.False(pool.IsTicking);
        Assert.Equal(owners.Length * 4096, pool.GetStatistics().RentedBytes);
        Array.ForEach(owners, owner => owner.Dispose());
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        Assert.False(pool.IsTicking);
        owners[0].Dispose();
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Memory<byte> RentAndLose(PinnedMemoryPool pool) => pool.Rent().Memory;

    private static unsafe nint AddressOf(IMemoryOwner<byte> owner)
    {
        using MemoryHandle handle = owner.Memory.Pin();
        return (nint)handle.Pointer;
    }

    private static void AssertBlocksAreDistinct(PinnedMemoryPool pool, int count)
    {
        IMemoryOwner<byte>[] owners = new IMemoryOwner<byte>[count];
        for (int i = 0; i < count; i++)
        {
            owners[i] = pool.Rent();
            owners[i].Memory.Span.Fill((byte)i);
        }

        for (int i = 0; i < count; i++)
        {
            Assert.Equal(-1, owners[i].Memory.Span.IndexOfAnyExcept((byte)i));
            owners[i].Dispose();
        }
    }
}
