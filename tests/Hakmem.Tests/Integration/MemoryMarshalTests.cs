using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace Hakmem.Tests.Integration;

// Round trips through MemoryMarshal, on which serializers and native bindings build.
public sealed unsafe class MemoryMarshalTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AMemoryLeadsBackToItsManager()
    {
        using NativeMemoryPool pool = new(_heap);
        using IMemoryOwner<byte> owner = pool.Rent(100);
        Memory<byte> slice = owner.Memory.Slice(10, 20);
        Assert.True(MemoryMarshal.TryGetMemoryManager<byte, MemoryManager<byte>>(
            slice, out MemoryManager<byte>? manager, out int start, out int length));
        Assert.Same(owner, manager);
        Assert.Equal((10, 20), (start, length));
        Assert.False(MemoryMarshal.TryGetArray<byte>(slice, out _));
    }

    [Fact]
    public void ReadOnlyAndWritableMemoriesAreTheSameBytes()
    {
        using NativeBufferWriter<int> writer = new(_heap);
        writer.Write([1, 2, 3]);
        Memory<int> writable = MemoryMarshal.AsMemory(writer.WrittenMemory);
        writable.Span[1] = 20;
        Assert.Equal([1, 20, 3], writer.WrittenSpan.ToArray());

        using NativeArray<int> array = new(_heap, 3, zeroed: true);
        array.AsMemory(1, 2).Span[0] = 5;
        Assert.Equal([0, 5, 0], array.AsSpan().ToArray());
    }

    [Fact]
    public void StructsAreReadAndWrittenInPlace()
    {
        using NativeBuffer<byte> buffer = _heap.Rent<byte>(40, zeroed: true);
        Guid guid = new(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        MemoryMarshal.Write(buffer[8..], guid);
        Assert.Equal(guid, MemoryMarshal.Read<Guid>(buffer[8..24]));
        MemoryMarshal.AsRef<long>(buffer.Span) = -1;
        Assert.Equal(-1L, MemoryMarshal.Cast<byte, long>(buffer.Span)[0]);
        Assert.Equal(5, MemoryMarshal.Cast<byte, long>(buffer.Span).Length);
        Assert.Equal(40, MemoryMarshal.AsBytes(MemoryMarshal.Cast<byte, int>(buffer.Span)).Length);
        Assert.True(Unsafe.AreSame(ref MemoryMarshal.GetReference(buffer.Span), ref buffer[0]));
    }

    [Fact]
    public void EverySegmentOfASequenceCanBeTakenApart()
    {
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        stream.Write(new byte[1_000]);
        int count = 0;
        foreach (ReadOnlyMemory<byte> segment in stream.GetReadOnlySequence())
        {
            Assert.False(MemoryMarshal.TryGetArray(segment, out _));
            MemoryMarshal.AsMemory(segment).Span.Fill((byte)++count);
        }

        Assert.Equal(4, count);
        Assert.Equal(1, stream.ToArray()[0]);
        Assert.Equal(4, stream.ToArray()[999]);
    }
}
