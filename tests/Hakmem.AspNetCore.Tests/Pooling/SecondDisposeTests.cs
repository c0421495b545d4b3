using System;
using System.Buffers;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// Both packages answer a second Dispose of an owner in the same way, and RecycleOwners means the same in both.
public sealed class SecondDisposeTests : IDisposable
{
    private const int Quarantine = 16;

    private readonly HakmemAllocator _heap = new();

    public enum Kind
    {
        Native,
        NativeOfShared,
        Pinned,
    }

    // Each kind of pool, with and without recycled owners.
    public static TheoryData<Kind, bool> Kinds
    {
        get
        {
            TheoryData<Kind, bool> all = [];
            foreach (Kind kind in Enum.GetValues<Kind>())
            {
                all.Add(kind, false);
                all.Add(kind, true);
            }

            return all;
        }
    }

    public void Dispose() => _heap.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void SecondDisposeIsIgnoredInEveryPool(Kind kind, bool recycles)
    {
        using MemoryPool<byte> pool = Create(kind, recycles);
        IMemoryOwner<byte> owner = pool.Rent(100);
        owner.Dispose();
        owner.Dispose();
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory.Span.Length);
        Assert.Equal(0, RentedBytesOf(pool));
        Assert.Equal(recycles ? 2 : 0, LateDisposeCountOf(pool));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OwnerIsNotReusedBeforeSixteenOthersReturned(Kind kind, bool recycles) => Workers.RunOne(() =>
    {
        using MemoryPool<byte> pool = Create(kind, recycles);
        IMemoryOwner<byte> late = pool.Rent(100);
        late.Dispose();
        int reusedAt = 0;
        for (int i = 1; i <= 10 * Quarantine && reusedAt == 0; i++)
        {
            using IMemoryOwner<byte> other = pool.Rent(100);
            reusedAt = ReferenceEquals(late, other) ? i : 0;
        }

        Assert.Equal(recycles ? Quarantine + 1 : 0, reusedAt);
    });

    [Theory]
    [InlineData(Kind.Native)]
    [InlineData(Kind.Pinned)]
    public void OwnersAreNotRecycledByDefault(Kind kind)
    {
        Assert.False(new NativeMemoryPoolOptions().RecycleOwners);
        Assert.False(new PinnedMemoryPoolOptions().RecycleOwners);
        using MemoryPool<byte> pool = kind == Kind.Pinned ? new PinnedMemoryPool() : new NativeMemoryPool(_heap);
        IMemoryOwner<byte> late = pool.Rent();
        late.Dispose();
        for (int i = 0; i < 10 * Quarantine; i++)
        {
            using IMemoryOwner<byte> other = pool.Rent();
            late.Dispose();
            Assert.NotSame(late, other);
            other.Memory.Span.Fill(1);
        }
    }

    // What Kestrel disposes it disposes once, so its pool recycles owners unless the configuration says otherwise.
    [Fact]
    public void OwnersOfKestrelsPoolAreRecycledByDefault() => Assert.True(new HakmemServiceOptions().Kestrel.RecycleOwners);

    private static long RentedBytesOf(MemoryPool<byte> pool) => pool is PinnedMemoryPool pinned
        ? pinned.GetStatistics().RentedBytes
        : ((NativeMemoryPool)pool).GetStatistics().RentedBytes;

    private static long LateDisposeCountOf(MemoryPool<byte> pool) => pool is PinnedMemoryPool pinned
        ? pinned.GetStatistics().LateDisposeCount
        : ((NativeMemoryPool)pool).GetStatistics().LateDisposeCount;

    private MemoryPool<byte> Create(Kind kind, bool recycles) => kind switch
    {
        Kind.Pinned => new PinnedMemoryPool(new PinnedMemoryPoolOptions { RecycleOwners = recycles }),
        Kind.Native => new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { RecycleOwners = recycles }),
        _ => new NativeMemoryPool(HakmemAllocator.Shared, new NativeMemoryPoolOptions { RecycleOwners = recycles }),
    };
}
