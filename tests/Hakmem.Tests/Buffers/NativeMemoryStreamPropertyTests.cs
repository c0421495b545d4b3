using System;
using System.Buffers;
using System.IO;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A stream beside the framework's: after any sequence of calls, results, exceptions, position, length and contents are the same.
public sealed class NativeMemoryStreamPropertyTests
{
    private static readonly int[] s_chunkBytes = [256, 1_024, 65_536];

    private static readonly Gen<StreamStep> s_step = Gen.Select(
        Gen.Enum<StreamAction>(),
        Gen.Frequency((6, Gen.Int[0, 300]), (3, Gen.Int[0, 3_000]), (1, Gen.Int[-3, 20_000])),
        Gen.Byte,
        (action, size, mark) => new StreamStep(action, size, mark));

    [Fact]
    public void AnySequenceDoesWhatAMemoryStreamDoes()
    {
        using HakmemAllocator heap = new();

        // Dirty memory first, so that what should be zero is not so by chance.
        using (NativeBuffer<byte> dirty = heap.Rent<byte>(1 << 20))
        {
            dirty.Span.Fill(0xEE);
        }

        Gen.Select(Gen.OneOf(s_chunkBytes), s_step.Array[1, 80]).Sample(
            input =>
            {
                using NativeMemoryStream stream = new(heap, input.Item1);
                using MemoryStream model = new();
                foreach (StreamStep step in input.Item2)
                {
                    AssertSame(step, stream, model);
                }
            },
            iter: 1_500,
            print: input => $"chunks of {input.Item1}:\n{string.Join("\n", (object[])input.Item2)}");
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // Growing moves the first chunk, and what goes to several chunks overwrites some of what is still to be copied.
    [Theory]
    [InlineData(HardeningLevel.Standard)]
    [InlineData(HardeningLevel.Full)]
    public void WritingItsOwnBytesWritesWhatTheyWere(HardeningLevel hardening)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = hardening });
        Gen<int> size = Gen.Frequency((3, Gen.Int[0, 1_200]), (1, Gen.Int[0, 9_000]));
        Gen.Select(Gen.OneOf(s_chunkBytes), size, size, size, size).Sample(
            (chunkBytes, length, position, from, count) =>
            {
                byte[] contents = new byte[length];
                new Random(length).NextBytes(contents);
                using NativeMemoryStream stream = new(heap, chunkBytes);
                stream.Write(contents);
                ReadOnlySpan<byte> own = stream.GetReadOnlySequence().Slice(Math.Min(from, length)).First.Span;
                own = own[..Math.Min(count, own.Length)];
                byte[] expected = new byte[Math.Max(length, position + own.Length)];
                contents.CopyTo(expected, 0);
                own.CopyTo(expected.AsSpan(position));
                stream.Position = position;
                stream.Write(own);
                return expected.AsSpan().SequenceEqual(stream.ToArray());
            },
            iter: 3_000);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    private static void AssertSame(StreamStep step, NativeMemoryStream stream, MemoryStream model)
    {
        long expected = 0;
        long actual = 0;
        Exception? modelFailure = Record.Exception(() => expected = step.Take(model));
        Exception? failure = Record.Exception(() => actual = step.Take(stream));
        Assert.Equal(modelFailure?.GetType(), failure?.GetType());
        Assert.Equal(expected, actual);
        Assert.Equal(model.Length, stream.Length);
        Assert.Equal(model.Position, stream.Position);
        Assert.True(stream.Capacity >= stream.Length);
        byte[] contents = model.ToArray();
        Assert.True(contents.AsSpan().SequenceEqual(stream.ToArray()), "The contents differ.");
        Assert.True(contents.AsSpan().SequenceEqual(stream.GetReadOnlySequence().ToArray()), "The sequence differs.");
        if (stream.TryGetContents(out ReadOnlyMemory<byte> single))
        {
            Assert.True(contents.AsSpan().SequenceEqual(single.Span), "The contents in one piece differ.");
        }
    }
}
