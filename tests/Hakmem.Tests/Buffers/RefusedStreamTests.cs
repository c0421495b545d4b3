using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using CsCheck;
using Hakmem.Tests.Faults;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Whatever a stream refuses, because the heap does or because the request makes no sense, leaves the stream as it was.
[Category(TestCategory.Stress)]
public sealed unsafe class RefusedStreamTests
{
    private const int LimitBytes = 4 << 20;

    private static readonly int[] s_chunkBytes = [256, 1_024, 65_536, 262_144];

    private static readonly Gen<RefusalStep> s_step = Gen.Select(
        Gen.Enum<RefusalAction>(),
        Gen.Enum<StreamAction>(),
        Gen.Frequency((4, Gen.Int[0, 300]), (3, Gen.Int[0, 3_000]), (2, Gen.Int[-3, 20_000])),
        Gen.Byte,
        (action, streamAction, size, mark) => new RefusalStep(action, new StreamStep(streamAction, size, mark)));

    // Each makes room, and some of it more than once: what was made before the refusal has to be undone.
    private static readonly Dictionary<string, Action<NativeMemoryStream, NativeMemoryStream>> s_calls = new()
    {
        ["write"] = (stream, _) => stream.Write(new byte[5 << 20]),
        ["write async"] = (stream, _) => stream.WriteAsync(new byte[5 << 20]).AsTask().GetAwaiter().GetResult(),
        ["write array"] = (stream, _) => stream.Write(new byte[5 << 20], 0, 5 << 20),
        ["write own bytes"] = (stream, _) => WriteOwnBytes(stream),
        ["write byte far away"] = (stream, _) => WriteByteFarAway(stream),
        ["set length"] = (stream, _) => stream.SetLength(5 << 20),
        ["set capacity"] = (stream, _) => stream.Capacity = 5 << 20,
        ["get span beyond the chunk"] = (stream, other) => _ = stream.GetSpan(3 << 20).Length,
        ["get memory beyond the chunk"] = (stream, other) => _ = stream.GetMemory(3 << 20).Length,
        ["copy to itself"] = (stream, _) => stream.CopyTo(stream, 4_096),
        ["copy to another"] = (stream, other) => stream.CopyTo(other, 4_096),
        ["copy to another async"] = (stream, other) => stream.CopyToAsync(other).GetAwaiter().GetResult(),
        ["write to itself"] = (stream, _) => stream.WriteTo(stream),
        ["write to another"] = (stream, other) => stream.WriteTo(other),
    };

    public static IEnumerable<TheoryDataRow<string, int>> CallsAndLengths =>
        s_calls.Keys.SelectMany(
            _ => new[] { 1_000, 3 << 20 }, (name, length) => new TheoryDataRow<string, int>(name, length));

    [Fact]
    public void RefusedWriteLeavesTheFirstChunkAsSmallAsItWas()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using NativeMemoryStream stream = new(heap);
        stream.Write("kept"u8);
        StreamState before = new(stream, heap);
        Assert.Throws<OutOfMemoryException>(() => stream.Write(new byte[50 << 20]));
        before.AssertUnchanged();
    }

    [Fact]
    public void RefusedSpanLeavesTheOneBeforeItValid()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using NativeMemoryStream stream = new(heap);
        stream.Write("kept"u8);
        foreach (int bytes in new[] { 100, 300_000 })
        {
            long length = stream.Length;
            Span<byte> held = stream.GetSpan(bytes)[..bytes];
            held.Fill(7);
            Assert.Throws<OutOfMemoryException>(() => stream.GetSpan(50 << 20).Length);
            Assert.Throws<OutOfMemoryException>(() => stream.Write(new byte[50 << 20]));
            Assert.Throws<OutOfMemoryException>(() => stream.SetLength(50 << 20));
            Assert.Throws<ArgumentException>(() => stream.Seek(0, (SeekOrigin)9));
            Assert.Equal(-1, held.IndexOfAnyExcept((byte)7));
            stream.Advance(bytes);
            Assert.Equal(length + bytes, stream.Length);
            Assert.Equal(-1, stream.ToArray().AsSpan((int)length).IndexOfAnyExcept((byte)7));
        }
    }

    // What was given back already is given back, though the smaller first chunk is refused.
    [Fact]
    public void RefusedSmallerChunkDoesNotRefuseTheCapacity()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = LimitBytes });
        HeapFiller filler = new(heap);
        using NativeMemoryStream stream = new(heap, 65_536);
        stream.Write(new byte[10]);
        stream.Capacity = 200_000;
        filler.Fill();
        stream.Capacity = 10;
        Assert.InRange(stream.Capacity, 10, 65_536);
        Assert.Equal(new byte[10], stream.ToArray());
        filler.FreeAll();
    }

    [Fact]
    public void AnyRefusedCallChangesNothing()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = LimitBytes });
        HeapFiller filler = new(heap);
        Gen.Select(Gen.OneOf(s_chunkBytes), s_step.Array[1, 60]).Sample(
            input =>
            {
                using NativeMemoryStream stream = new(heap, input.Item1);
                using NativeMemoryStream other = new(heap, 1_024);
                using MemoryStream model = new();
                using MemoryStream otherModel = new();
                foreach (RefusalStep step in input.Item2)
                {
                    step.Take(heap, filler, (stream, model), (other, otherModel));
                }

                filler.FreeAll();
            },
            iter: 300,
            threads: 1,
            print: input => $"chunks of {input.Item1}:\n{string.Join("\n", (object[])input.Item2)}");
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    // From each of its calls of the system on, all are refused.
    [Theory]
    [MemberData(nameof(CallsAndLengths))]
    public void CallThatTheSystemRefusesChangesNothing(string name, int length)
    {
        Action<NativeMemoryStream, NativeMemoryStream> call = s_calls[name];
        int refused = 0;
        for (int first = 1; ; first++)
        {
            using FaultyHeap faulty = new(new HakmemOptions { SuperSlabCacheCount = 0 });
            using NativeMemoryStream stream = new(faulty.Heap, 1 << 20);
            using NativeMemoryStream other = new(faulty.Heap, 1 << 20);
            byte[] contents = new byte[length];
            new Random(first).NextBytes(contents);
            stream.Write(contents);
            other.Write(contents.AsSpan(0, 500));
            stream.Position = length / 3;
            StreamState before = new(stream, faulty.Heap);
            StreamState otherBefore = new(other, faulty.Heap);
            int calls = 0;
            faulty.Os.Refuse(_ => ++calls >= first);
            Exception? failure = Record.Exception(() => call(stream, other));
            faulty.Os.RefuseNone();
            if (failure is not null)
            {
                Assert.IsType<OutOfMemoryException>(failure);
                before.AssertUnchanged();
                otherBefore.AssertUnchanged();
                call(stream, other);
                refused++;
            }

            if (calls < first)
            {
                break;
            }
        }

        // A little that is copied needs no memory of the system.
        Assert.True(refused > 0 || name.Contains("to", StringComparison.Ordinal), "Nothing was refused.");
    }

    private static void WriteOwnBytes(NativeMemoryStream stream)
    {
        ReadOnlySpan<byte> own = stream.GetReadOnlySequence().First.Span;
        stream.Position = stream.Length + (6 << 20) - (own.Length / 2);
        long before = stream.Position;
        try
        {
            stream.Write(own);
        }
        catch (OutOfMemoryException)
        {
            Assert.Equal(before, stream.Position);
            stream.Position = stream.Length / 3;
            throw;
        }
    }

    private static void WriteByteFarAway(NativeMemoryStream stream)
    {
        long position = stream.Position;
        stream.Position = 6 << 20;
        try
        {
            stream.WriteByte(1);
        }
        catch (OutOfMemoryException)
        {
            Assert.Equal(6 << 20, stream.Position);
            stream.Position = position;
            throw;
        }
    }
}
