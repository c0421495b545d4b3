using System;
using System.Buffers;
using System.IO;
using System.IO.Compression;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Integration;

// Buffers handed by pointer to a native library that knows nothing of Hakmem: the system's zlib, which writes into them and reads
// from them. The managed decompressor judges the result, and the other way about.
[Needs(SystemNeed.Linux)]
public sealed unsafe class ZlibTests : IDisposable
{
    private const int Ok = 0;
    private const int BufferError = -5;

    private readonly HakmemAllocator _heap = new();
    private readonly byte[] _plain = MakeText(500_000);

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void ZlibCompressesFromAndIntoUnmanagedBuffers()
    {
        SkipWithoutZlib();
        using NativeBuffer<byte> source = _heap.Rent<byte>(_plain.Length);
        _plain.CopyTo(source.Span);
        using NativeBuffer<byte> target = _heap.Rent<byte>((int)compressBound((nuint)source.Length));
        nuint length = (nuint)target.Length;
        fixed (byte* from = source, to = target)
        {
            Assert.Equal(Ok, compress2(to, &length, from, (nuint)source.Length, 6));
        }

        Assert.InRange((int)length, 1_000, _plain.Length / 2);
        using ZLibStream managed = new(new MemoryStream(target[..(int)length].ToArray()), CompressionMode.Decompress);
        byte[] plain = new byte[_plain.Length];
        managed.ReadExactly(plain);
        Assert.True(plain.AsSpan().SequenceEqual(_plain));
    }

    [Fact]
    public void ZlibDecompressesIntoARentalAndSeesItsEnd()
    {
        SkipWithoutZlib();
        using NativeMemoryStream compressed = new(_heap, chunkBytes: 1 << 20);
        using (ZLibStream managed = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            managed.Write(_plain);
        }

        Assert.True(compressed.TryGetContents(out ReadOnlyMemory<byte> contents));
        using MemoryHandle from = contents.Pin();
        using IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(_plain.Length);
        using MemoryHandle to = owner.Memory.Pin();
        nuint length = (nuint)_plain.Length;
        Assert.Equal(Ok, uncompress((byte*)to.Pointer, &length, (byte*)from.Pointer, (nuint)contents.Length));
        Assert.Equal((nuint)_plain.Length, length);
        Assert.True(owner.Memory.Span.SequenceEqual(_plain));

        // One byte too little: zlib is told the truth about the length.
        length = (nuint)_plain.Length - 1;
        Assert.Equal(BufferError, uncompress((byte*)to.Pointer, &length, (byte*)from.Pointer, (nuint)contents.Length));
    }

    [Fact]
    public void ChecksumsOverEveryKindOfBufferAgree()
    {
        SkipWithoutZlib();
        nuint expected;
        fixed (byte* plain = _plain)
        {
            expected = crc32(0, plain, (uint)_plain.Length);
        }

        using NativeArray<byte> array = new(_heap, _plain.Length, alignment: 4_096);
        _plain.CopyTo(array.AsSpan());
        Assert.Equal(expected, crc32(0, array.Pointer, (uint)array.Length));

        using NativeBufferWriter<byte> writer = new(_heap);
        writer.Write(_plain);
        using (MemoryHandle handle = writer.WrittenMemory.Pin())
        {
            Assert.Equal(expected, crc32(0, (byte*)handle.Pointer, (uint)writer.WrittenCount));
        }

        using NativeMemoryStream stream = new(_heap, chunkBytes: 4_096);
        stream.Write(_plain);
        nuint running = 0;
        foreach (ReadOnlyMemory<byte> segment in stream.GetReadOnlySequence())
        {
            using MemoryHandle handle = segment.Pin();
            running = crc32(running, (byte*)handle.Pointer, (uint)segment.Length);
        }

        Assert.Equal(expected, running);
    }

    private static byte[] MakeText(int length)
    {
        Random random = new(11);
        byte[] text = new byte[length];
        for (int i = 0; i < length; i++)
        {
            text[i] = (byte)('a' + random.Next(8));
        }

        return text;
    }

    // The library comes with any system that has compression tools, but with no guarantee (Debian: zlib1g).
    private static void SkipWithoutZlib()
    {
        bool isThere = NativeLibrary.TryLoad("libz.so.1", out nint handle);
        if (isThere)
        {
            NativeLibrary.Free(handle);
        }

        Assert.SkipUnless(isThere, "This system has no libz.so.1 (Debian's package zlib1g).");
    }

    [DllImport("libz.so.1")]
    private static extern nuint compressBound(nuint sourceLength);

    [DllImport("libz.so.1")]
    private static extern int compress2(byte* target, nuint* targetLength, byte* source, nuint sourceLength, int level);

    [DllImport("libz.so.1")]
    private static extern int uncompress(byte* target, nuint* targetLength, byte* source, nuint sourceLength);

    [DllImport("libz.so.1")]
    private static extern nuint crc32(nuint start, byte* source, uint length);
}
