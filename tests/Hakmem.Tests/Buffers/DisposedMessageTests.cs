using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What is used after its disposal says which of the caller's things that was, by a name that the caller knows.
public sealed class DisposedMessageTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(false, LeakTracking.Off)]
    [InlineData(true, LeakTracking.Off)]
    [InlineData(false, LeakTracking.Count)]
    public void DisposedRentalIsNamedWithItsPool(bool recycles, LeakTracking tracking)
    {
        NativeMemoryPoolOptions options = new() { RecycleOwners = recycles, LeakTracking = tracking };
        using NativeMemoryPool bytes = new(_heap, options);
        using NativeMemoryPool<int> numbers = new(_heap, options);
        AssertRental("IMemoryOwner<byte> rented from NativeMemoryPool", bytes.Rent(10));
        AssertRental("IMemoryOwner<byte> rented from NativeMemoryPool", NativeMemoryPool.Shared.Rent(10));
        AssertRental("IMemoryOwner<Int32> rented from NativeMemoryPool<Int32>", numbers.Rent(10));
        AssertRental("IMemoryOwner<Guid> rented from NativeMemoryPool<Guid>", NativeMemoryPool<Guid>.Shared.Rent(10));
    }

    [Fact]
    public void DisposedPoolIsNamed()
    {
        NativeMemoryPool bytes = new(_heap);
        NativeMemoryPool<int> numbers = new(_heap);
        bytes.Dispose();
        numbers.Dispose();
        AssertNames("NativeMemoryPool", () => bytes.Rent(10));
        AssertNames("NativeMemoryPool<Int32>", () => numbers.Rent(10));
    }

    [Fact]
    public void DisposedStreamIsNamed()
    {
        NativeMemoryStream stream = new(_heap);
        stream.Write(new byte[100]);
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> contents));
        stream.Dispose();
        AssertNames("NativeMemoryStream", () => _ = stream.Length);
        AssertNames("NativeMemoryStream", () => _ = contents.Span);
        AssertNames("NativeMemoryStream", () => contents.Pin().Dispose());
    }

    [Fact]
    public void DisposedWriterIsNamed()
    {
        NativeBufferWriter<int> writer = new(_heap);
        writer.Write([1, 2, 3]);
        ReadOnlyMemory<int> written = writer.WrittenMemory;
        writer.Dispose();
        AssertNames("NativeBufferWriter<Int32>", () => _ = writer.WrittenSpan);
        AssertNames("NativeBufferWriter<Int32>", () => writer.Advance(0));
        AssertNames("NativeBufferWriter<Int32>", () => _ = writer.GetSpan());
        AssertNames("NativeBufferWriter<Int32>", () => _ = written.Span);
        AssertNames("NativeBufferWriter<Int32>", () => written.Pin().Dispose());
    }

    [Fact]
    public void DisposedArrayIsNamed()
    {
        NativeArray<int> array = new(_heap, 10);
        Memory<int> memory = array.AsMemory(0, 10);
        Memory<byte> segment = array.AsScatterList(0, 10)[0];
        array.Dispose();
        AssertNames("NativeArray<Int32>", () => _ = array[0]);
        AssertNames("NativeArray<Int32>", () => array.Resize(5));
        AssertNames("NativeArray<Int32>", () => _ = memory.Span);
        AssertNames("NativeArray<Int32>", () => memory.Pin().Dispose());
        AssertNames("NativeArray<Int32>", () => _ = segment.Span);
    }

    [Fact]
    public void DisposedBufferIsNamed() => AssertNames("NativeBuffer<Int32>", () =>
    {
        NativeBuffer<int> buffer = _heap.Rent<int>(10);
        buffer.Dispose();
        buffer.Resize(20);
    });

    [Theory]
    [InlineData(
        "NativeMemoryPoolOptions.DefaultBufferSize (4096) must not exceed MaxBufferSize (1000).", 1_000, 4_096, 0, 0)]
    [InlineData("NativeMemoryPoolOptions.MaxBufferSize (0) must be at least 1.", 0, 4_096, 0, 0)]
    [InlineData("NativeMemoryPoolOptions.DefaultBufferSize (-1) must be at least 1.", 1_000, -1, 0, 0)]
    [InlineData("NativeMemoryPoolOptions.MaxBytes (-5) must be at least 0.", 1_000, 10, -5, 0)]
    [InlineData(
        "NativeMemoryPoolOptions.LeakTracking (3) is not one of the values of its enumeration.", 1_000, 10, 0, 3)]
    [InlineData(
        "NativeMemoryPoolOptions.LeakTracking (-1) is not one of the values of its enumeration.", 1_000, 10, 0, -1)]
    public void RefusedOptionIsNamedWithItsValue(
        string message, int maxBuffer, int defaultBuffer, long maxBytes, int tracking)
    {
        NativeMemoryPoolOptions options = new()
        {
            MaxBufferSize = maxBuffer,
            DefaultBufferSize = defaultBuffer,
            MaxBytes = maxBytes,
            LeakTracking = (LeakTracking)tracking,
        };
        Action[] creations =
        [
            () => _ = new NativeMemoryPool(_heap, options), () => _ = new NativeMemoryPool<int>(_heap, options),
        ];
        foreach (Action create in creations)
        {
            ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(create);
            Assert.StartsWith(message, refusal.Message, StringComparison.Ordinal);
            Assert.Equal("options", refusal.ParamName);
        }
    }

    private static void AssertRental<T>(string name, IMemoryOwner<T> owner)
    {
        Memory<T> memory = owner.Memory;
        owner.Dispose();
        AssertNames(name, () => _ = owner.Memory);
        AssertNames(name, () => _ = memory.Span);
        AssertNames(name, () => memory.Pin().Dispose());
    }

    private static void AssertNames(string name, Action call)
    {
        ObjectDisposedException refusal = Assert.Throws<ObjectDisposedException>(call);
        Assert.Equal(name, refusal.ObjectName);
        Assert.Contains("disposed", refusal.Message, StringComparison.Ordinal);
    }
}
