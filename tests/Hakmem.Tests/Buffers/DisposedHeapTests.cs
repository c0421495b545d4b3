using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A heap that is disposed while things of it are still in use, as at the end of a host whose last requests take too
// long: each of their members throws, and names the type that the caller has; none touches memory that is gone; and
// their own disposal is quiet.
public sealed unsafe class DisposedHeapTests
{
    private static readonly Dictionary<string, NativeMemoryPoolOptions> s_pools = new()
    {
        ["plain"] = new(),
        ["recycling"] = new() { RecycleOwners = true },
        ["capped"] = new() { MaxBytes = 1 << 20 },
        ["tracked"] = new() { LeakTracking = LeakTracking.Count },
    };

    private static readonly Dictionary<string, Action<IMemoryOwner<byte>, Memory<byte>>> s_ofOwner = new()
    {
        ["owner.Memory"] = (owner, other) => _ = owner.Memory,
        ["Memory.Span"] = (other, memory) => _ = memory.Span,
        ["Memory.Pin"] = (_, memory) => memory.Pin().Dispose(),
    };

    private static readonly Dictionary<string, Action<NativeMemoryStream, ReadOnlyMemory<byte>>> s_ofStream = new()
    {
        ["Length"] = (stream, other) => _ = stream.Length,
        ["Position"] = (stream, other) => _ = stream.Position,
        ["Position="] = (stream, _) => stream.Position = 1,
        ["Capacity"] = (stream, other) => _ = stream.Capacity,
        ["Capacity="] = (stream, _) => stream.Capacity = 500_000,
        ["Seek"] = (stream, _) => stream.Seek(0, SeekOrigin.Begin),
        ["SetLength"] = (stream, _) => stream.SetLength(1),
        ["Read"] = (stream, _) => Assert.True(stream.Read(new byte[10], 0, 10) < 0),
        ["Read span"] = (stream, _) => Assert.True(stream.Read(new byte[10].AsSpan()) < 0),
        ["ReadByte"] = (stream, _) => stream.ReadByte(),
        ["ReadAsync"] = (stream, _) => stream.ReadAsync(new byte[10].AsMemory()).AsTask().GetAwaiter().GetResult(),
        ["CopyTo"] = (stream, _) => stream.CopyTo(Stream.Null, 4_096),
        ["CopyToAsync"] = (stream, _) => stream.CopyToAsync(Stream.Null).GetAwaiter().GetResult(),
        ["WriteTo"] = (stream, _) => stream.WriteTo(Stream.Null),
        ["Write"] = (stream, _) => stream.Write(new byte[10], 0, 10),
        ["Write nothing"] = (stream, _) => stream.Write([]),
        ["Write span"] = (stream, _) => stream.Write(new byte[10].AsSpan()),
        ["WriteByte"] = (stream, _) => stream.WriteByte(1),
        ["WriteAsync"] = (stream, _) => stream.WriteAsync(new byte[10].AsMemory()).AsTask().GetAwaiter().GetResult(),
        ["GetSpan"] = (stream, other) => _ = stream.GetSpan(1),
        ["GetSpan beyond the chunk"] = (stream, other) => _ = stream.GetSpan(1_000_000),
        ["GetMemory"] = (stream, other) => _ = stream.GetMemory(1),
        ["Advance"] = (stream, _) => stream.Advance(0),
        ["GetReadOnlySequence"] = (stream, other) => _ = stream.GetReadOnlySequence(),
        ["TryGetContents"] = (stream, _) => stream.TryGetContents(out ReadOnlyMemory<byte> _),
        ["ToArray"] = (stream, _) => stream.ToArray(),
        ["contents.Span"] = (other, contents) => _ = contents.Span,
        ["contents.Pin"] = (_, contents) => contents.Pin().Dispose(),
    };

    private static readonly Dictionary<string, Action<NativeBufferWriter<int>, ReadOnlyMemory<int>>> s_ofWriter = new()
    {
        ["WrittenSpan"] = (writer, other) => _ = writer.WrittenSpan,
        ["WrittenMemory"] = (writer, other) => _ = writer.WrittenMemory,
        ["Advance"] = (writer, _) => writer.Advance(0),
        ["GetSpan"] = (writer, other) => _ = writer.GetSpan(1),
        ["GetSpan that grows"] = (writer, other) => _ = writer.GetSpan(1_000_000),
        ["GetMemory"] = (writer, other) => _ = writer.GetMemory(1),
        ["Write"] = (writer, _) => writer.Write([1, 2, 3]),
        ["Write that grows"] = (writer, _) => writer.Write(new int[1_000_000]),
        ["Clear"] = (writer, _) => writer.Clear(),
        ["ResetWrittenCount"] = (writer, _) => writer.ResetWrittenCount(),
        ["written.Span"] = (other, written) => _ = written.Span,
        ["written.Pin"] = (_, written) => written.Pin().Dispose(),
    };

    private static readonly Dictionary<string, Action<NativeArray<int>, Memory<int>>> s_ofArray = new()
    {
        ["read"] = (array, other) => _ = array[5],
        ["write"] = (array, _) => array[5] = 1,
        ["beyond the end"] = (array, other) => _ = array[5_000_000],
        ["AsSpan"] = (array, other) => _ = array.AsSpan(),
        ["AsSpan of a part"] = (array, other) => _ = array.AsSpan(1, 2),
        ["AsMemory"] = (array, other) => _ = array.AsMemory(1, 2),
        ["AsScatterList"] = (array, _) => array.AsScatterList(0, 10),
        ["AsGatherList"] = (array, _) => array.AsGatherList(0, 10),
        ["Resize"] = (array, _) => array.Resize(1_000_000),
        ["Fill"] = (array, _) => array.Fill(1),
        ["memory.Span"] = (other, memory) => _ = memory.Span,
        ["memory.Pin"] = (_, memory) => memory.Pin().Dispose(),
    };

    public static IEnumerable<TheoryDataRow<string, string>> OfOwner =>
        s_pools.Keys.SelectMany(_ => s_ofOwner.Keys, (pool, member) => new TheoryDataRow<string, string>(pool, member));

    public static IEnumerable<TheoryDataRow<string>> OfStream =>
        s_ofStream.Keys.Select(member => new TheoryDataRow<string>(member));

    public static IEnumerable<TheoryDataRow<string>> OfWriter =>
        s_ofWriter.Keys.Select(member => new TheoryDataRow<string>(member));

    public static IEnumerable<TheoryDataRow<string>> OfArray =>
        s_ofArray.Keys.Select(member => new TheoryDataRow<string>(member));

    [Theory]
    [MemberData(nameof(OfOwner))]
    public void MemberOfOwnerThrowsOnceItsHeapIsGone(string pool, string member)
    {
        HakmemAllocator heap = new();
        using NativeMemoryPool rented = new(heap, s_pools[pool]);
        IMemoryOwner<byte> owner = rented.Rent(5_000);
        Memory<byte> memory = owner.Memory;
        heap.Dispose();
        AssertHeapGone("IMemoryOwner<byte> rented from NativeMemoryPool", () => s_ofOwner[member](owner, memory));
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(0, rented.GetStatistics().RentedCount);
        Assert.Throws<ObjectDisposedException>(() => rented.Rent(10));
    }

    [Theory]
    [MemberData(nameof(OfStream))]
    public void MemberOfStreamThrowsOnceItsHeapIsGone(string member)
    {
        HakmemAllocator heap = new();
        NativeMemoryStream stream = new(heap);
        stream.Write(new byte[5_000]);
        stream.Position = 100;
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> contents));
        heap.Dispose();
        AssertHeapGone("NativeMemoryStream", () => s_ofStream[member](stream, contents));
        Assert.False(stream.CanRead || stream.CanSeek || stream.CanWrite);
        stream.Flush();
        stream.Dispose();
        stream.Dispose();
    }

    [Theory]
    [MemberData(nameof(OfWriter))]
    public void MemberOfWriterThrowsOnceItsHeapIsGone(string member)
    {
        HakmemAllocator heap = new();
        NativeBufferWriter<int> writer = new(heap);
        writer.Write([1, 2, 3]);
        ReadOnlyMemory<int> written = writer.WrittenMemory;
        heap.Dispose();
        AssertHeapGone("NativeBufferWriter<Int32>", () => s_ofWriter[member](writer, written));
        writer.Dispose();
        writer.Dispose();
    }

    [Theory]
    [MemberData(nameof(OfArray))]
    public void MemberOfArrayThrowsOnceItsHeapIsGone(string member)
    {
        HakmemAllocator heap = new();
        NativeArray<int> array = new(heap, 1_000);
        Memory<int> memory = array.AsMemory(0, 1_000);
        heap.Dispose();
        AssertHeapGone("NativeArray<Int32>", () => s_ofArray[member](array, memory));
        array.Dispose();
        array.Dispose();
    }

    [Fact]
    public void UnpinIsQuietOnceTheHeapIsGone()
    {
        HakmemAllocator heap = new();
        NativeArray<int> array = new(heap, 1_000);
        MemoryHandle first = array.AsMemory(0, 10).Pin();
        MemoryHandle second = array.AsMemory(0, 10).Pin();
        array.Resize(2_000);
        heap.Dispose();
        first.Dispose();
        array.Dispose();
        second.Dispose();
    }

    private static void AssertHeapGone(string name, Action call)
    {
        ObjectDisposedException refusal = Assert.Throws<ObjectDisposedException>(call);
        Assert.Equal(name, refusal.ObjectName);
        Assert.Contains("heap", refusal.Message, StringComparison.Ordinal);
    }
}
