using System;
using System.Buffers;
using System.Collections.Generic;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

public sealed class PinnedMemoryPoolOptionsTests
{
    [Theory]
    [InlineData(-1L)]
    [InlineData(1L)]
    [InlineData((128L << 10) - 1)]
    public void ALimitBelowOneSlabIsRefused(long bytes) =>
        AssertRefused(new PinnedMemoryPoolOptions { MaxBytes = bytes }, nameof(PinnedMemoryPoolOptions.MaxBytes));

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("-00:00:01")]
    [InlineData("10.00:00:00")]
    public void ATimeoutOutOfRangeIsRefused(string timeout) =>
        AssertRefused(
            new PinnedMemoryPoolOptions { IdleTimeout = TimeSpan.Parse(timeout, System.Globalization.CultureInfo.InvariantCulture) },
            nameof(PinnedMemoryPoolOptions.IdleTimeout));

    [Theory]
    [InlineData(-1)]
    [InlineData(4097)]
    public void AThreadCacheOutOfRangeIsRefused(int blocks) =>
        AssertRefused(new PinnedMemoryPoolOptions { ThreadCacheBlocks = blocks }, nameof(PinnedMemoryPoolOptions.ThreadCacheBlocks));

    [Fact]
    public void TheEdgesAreAccepted()
    {
        foreach (PinnedMemoryPoolOptions options in (PinnedMemoryPoolOptions[])[
            new() { MaxBytes = 128 << 10, ThreadCacheBlocks = 4096, IdleTimeout = TimeSpan.FromDays(1) },
            new() { IdleTimeout = TimeSpan.FromMilliseconds(30), ThreadCacheBlocks = 0 }])
        {
            using PinnedMemoryPool pool = new(options);
            pool.Rent().Dispose();
            Assert.Equal(128 << 10, pool.GetStatistics().TotalBytes);
        }
    }

    [Fact]
    public void OptionsChangedLaterDoNotChangeThePool()
    {
        PinnedMemoryPoolOptions options = new() { RecycleOwners = false };
        using PinnedMemoryPool pool = new(options);
        options.RecycleOwners = true;
        HashSet<IMemoryOwner<byte>> owners = [];
        for (int i = 0; i < 100; i++)
        {
            using IMemoryOwner<byte> owner = pool.Rent();
            Assert.True(owners.Add(owner), $"Rental {i} has an owner that was used before.");
        }
    }

    private static void AssertRefused(PinnedMemoryPoolOptions options, string name)
    {
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => new PinnedMemoryPool(options));
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }
}
