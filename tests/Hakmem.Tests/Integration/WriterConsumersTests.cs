using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Tests.Integration;

// The framework's users of IBufferWriter<byte> and Stream write the same into unmanaged memory as into arrays.
public sealed class WriterConsumersTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly Dictionary<string, int[]> _document =
        Enumerable.Range(0, 2_000).ToDictionary(i => $"key \u00e9\u4e2d {i}", i => Enumerable.Range(i, 10).ToArray());

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void JsonWritersWriteTheSame()
    {
        ArrayBufferWriter<byte> expected = new();
        WriteJson(expected);
        using NativeBufferWriter<byte> writer = new(_heap, initialCapacity: 1);
        WriteJson(writer);
        Assert.True(expected.WrittenSpan.SequenceEqual(writer.WrittenSpan));
        using NativeMemoryStream stream = new(_heap, chunkBytes: 512);
        WriteJson(stream);
        Assert.True(expected.WrittenSpan.SequenceEqual(stream.ToArray()));

        // Read back where it lies: in one piece, and in many.
        AssertSameDocument(JsonSerializer.Deserialize<Dictionary<string, int[]>>(writer.WrittenSpan));
        using JsonDocument parsed = JsonDocument.Parse(writer.WrittenMemory);
        Assert.Equal(2_000, parsed.RootElement.EnumerateObject().Count());
        Utf8JsonReader reader = new(stream.GetReadOnlySequence());
        AssertSameDocument(JsonSerializer.Deserialize<Dictionary<string, int[]>>(ref reader));
    }

    [Fact]
    public async Task JsonSerializerGoesThroughTheStream()
    {
        using NativeMemoryStream stream = new(_heap);
        await JsonSerializer.SerializeAsync(stream, _document, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(_document), stream.ToArray());
        stream.Position = 0;
        AssertSameDocument(await JsonSerializer.DeserializeAsync<Dictionary<string, int[]>>(
            stream, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void BrotliCompressesIntoTheWriterAndOutOfIt()
    {
        byte[] plain = JsonSerializer.SerializeToUtf8Bytes(_document);
        using NativeBufferWriter<byte> compressed = new(_heap, initialCapacity: 1);
        using BrotliEncoder encoder = new(quality: 5, window: 18);
        ReadOnlySpan<byte> rest = plain;
        OperationStatus status;
        do
        {
            status = encoder.Compress(rest, compressed.GetSpan(100), out int consumed, out int written, isFinalBlock: true);
            rest = rest[consumed..];
            compressed.Advance(written);
        }
        while (status == OperationStatus.DestinationTooSmall);

        Assert.Equal(OperationStatus.Done, status);
        Assert.InRange(compressed.WrittenCount, 100, plain.Length / 2);
        using NativeBuffer<byte> decompressed = _heap.Rent<byte>(plain.Length);
        Assert.True(BrotliDecoder.TryDecompress(compressed.WrittenSpan, decompressed.Span, out int length));
        Assert.Equal(plain.Length, length);
        Assert.True(decompressed.Span.SequenceEqual(plain));
    }

    [Fact]
    public void CompressionAndTextStreamsGoThroughTheStream()
    {
        string text = string.Join('\n', _document.Keys);
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        using (GZipStream gzip = new(stream, CompressionLevel.Fastest, leaveOpen: true))
        using (StreamWriter writer = new(gzip, new UTF8Encoding(false)))
        {
            writer.Write(text);
        }

        stream.Position = 0;
        using StreamReader reader = new(new GZipStream(stream, CompressionMode.Decompress));
        Assert.Equal(text, reader.ReadToEnd());
    }

    private void WriteJson(IBufferWriter<byte> target)
    {
        using Utf8JsonWriter writer = new(target);
        JsonSerializer.Serialize(writer, _document);
    }

    private void AssertSameDocument(Dictionary<string, int[]>? read)
    {
        Assert.NotNull(read);
        Assert.Equal(_document.Count, read.Count);
        Assert.All(_document, pair => Assert.Equal(pair.Value, read[pair.Key]));
    }
}
