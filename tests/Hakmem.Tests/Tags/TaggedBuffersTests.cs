using System;
using System.Buffers;
using Xunit;

namespace Hakmem.Tests.Tags;

// Buffers, pools, streams, writers, arrays and regions of a tag: what they hold counts for it until they are disposed.
public sealed class TaggedBuffersTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly MemoryTag _tag = new("tag", null, 0, 1 << 20);

    private IHakmemAllocator View => _heap.ForTag(_tag);

    public void Dispose()
    {
        Assert.Equal(0, _tag.LiveBytes);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        _heap.Dispose();
        _tag.Dispose();
    }

    [Fact]
    public void BuffersCountUntilTheyAreDisposed()
    {
        using (NativeBuffer<int> plain = View.Rent<int>(256))
        using (NativeBuffer<byte> aligned = View.Rent<byte>(4_096, alignment: 4_096))
        using (IMemoryOwner<byte> owner = View.RentMemory<byte>(1_024))
        {
            Assert.Equal(1_024 + 4_096 + 1_024, _tag.LiveBytes);
            aligned.Resize(8_192);
            Assert.Equal(1_024 + 8_192 + 1_024, _tag.LiveBytes);
            Assert.Equal(256, plain.Length);
            Assert.Equal(1_024, owner.Memory.Length);
        }
    }

    [Fact]
    public void PoolsRentForTheirTagAndAreRefusedByIt()
    {
        using NativeMemoryPool pool = new(View);
        using NativeMemoryPool<long> longs = new(View, new NativeMemoryPoolOptions { RecycleOwners = true });
        IMemoryOwner<byte> owner = pool.Rent(1_024);
        IMemoryOwner<long> other = longs.Rent(128);
        Assert.Equal(2_048, _tag.LiveBytes);
        Assert.Throws<OutOfMemoryException>(() => pool.Rent(1 << 20));
        Assert.Equal(1, _tag.RefusedCount);
        Assert.Equal(1, pool.GetStatistics().RentedCount);
        Assert.Equal(2_048, _tag.LiveBytes);
        owner.Dispose();
        other.Dispose();
    }

    [Fact]
    public void RefusalsNameTheLimit()
    {
        using NativeMemoryPool pool = new(View);
        using MemoryRegion ofTag = View.CreateRegion();
        using MemoryRegion limited = _heap.CreateRegion(new MemoryRegionOptions { MaxBytes = 1 << 20 });
        Action[] refusedByTag =
        [
            () => View.Rent<byte>(2 << 20), () => View.RentMemory<byte>(2 << 20), () => View.RentPooled<byte>(2 << 20),
            () => pool.Rent(2 << 20), () => new NativeArray<long>(View, 1 << 20).Dispose(),
            () => new NativeBufferWriter<byte>(View, 2 << 20).Dispose(), () => ofTag.AllocSpan<byte>(2 << 20),
            () => ofTag.AsAllocator().Rent<byte>(2 << 20),
        ];
        Assert.All(refusedByTag, call => Assert.Contains(
            "1048576 bytes of the tag 'tag'", Assert.Throws<OutOfMemoryException>(call).Message,
            StringComparison.Ordinal));
        Action[] refusedByRegion =
        [
            () => limited.AsAllocator().Rent<byte>(2 << 20), () => limited.AsAllocator().RentMemory<byte>(2 << 20),
            () => new NativeArray<long>(limited.AsAllocator(), 1 << 20).Dispose(),
        ];
        Assert.All(refusedByRegion, call => Assert.Contains(
            nameof(MemoryRegionOptions.MaxBytes), Assert.Throws<OutOfMemoryException>(call).Message,
            StringComparison.Ordinal));
    }

    [Fact]
    public void AStreamAWriterAndAnArrayCount()
    {
        using (NativeMemoryStream stream = new(View, 4_096))
        using (NativeBufferWriter<byte> writer = new(View, 100))
        using (NativeArray<int> array = new(View, 1_000, zeroed: true))
        {
            stream.Write(new byte[10_000]);
            writer.Write(new byte[10_000]);
            array.Resize(5_000);
            Assert.Equal(_heap.GetStatistics().LiveBytes, _tag.LiveBytes);
            Assert.InRange(_tag.LiveBytes, 40_000, 80_000);

            // What the limit refuses leaves them as they were.
            Assert.Throws<OutOfMemoryException>(() => array.Resize(1 << 20));
            Assert.Throws<OutOfMemoryException>(() => writer.GetSpan(2 << 20));
            Assert.Equal(5_000, array.Length);
            Assert.Equal(10_000, writer.WrittenCount);
            Assert.Equal(_heap.GetStatistics().LiveBytes, _tag.LiveBytes);
        }
    }

    [Fact]
    public void ARegionCountsItsChunks()
    {
        using MemoryRegion region = View.CreateRegion();
        region.AllocSpan<byte>(100);
        Assert.Equal(_heap.GetStatistics().LiveBytes, _tag.LiveBytes);
        Assert.True(_tag.LiveBytes >= region.CommittedBytes && region.CommittedBytes > 0);
        Assert.Throws<OutOfMemoryException>(() => { region.AllocSpan<byte>(2 << 20); });
        region.Reset();
    }

    [Fact]
    public void ADisposedHeapEndsWhatItsTagsRented()
    {
        HakmemAllocator heap = new();
        IMemoryOwner<byte> owner = new NativeMemoryPool(heap.ForTag(_tag)).Rent(100);
        NativeArray<int> array = new(heap.ForTag(_tag), 10);
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = owner.Memory.Span.Length; });
        Assert.Throws<ObjectDisposedException>(() => array.AsSpan(0, 10));
        owner.Dispose();
        array.Dispose();
        Assert.Equal(0, _tag.LiveBytes);
    }

    [Fact]
    public void AnAllocatorThatIsNullThrows()
    {
        IHakmemAllocator none = null!;
        Assert.Throws<ArgumentNullException>(() => new NativeMemoryPool(none));
        Assert.Throws<ArgumentNullException>(() => new NativeMemoryPool<int>(none));
        Assert.Throws<ArgumentNullException>(() => new NativeMemoryStream(none));
        Assert.Throws<ArgumentNullException>(() => new NativeBufferWriter<int>(none));
        Assert.Throws<ArgumentNullException>(() => new NativeArray<int>(none, 1));
        Assert.Throws<ArgumentNullException>(() => none.CreateRegion());
        Assert.Throws<ArgumentNullException>(() => { none.Rent<int>(1, 64).Dispose(); });
    }
}
