using System;
using System.Linq;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A copy by vectors is a copy: the same bytes for every length and alignment, none beside them, wherever source and destination lie.
public sealed class VectorCopyTests
{
    private const int Margin = 96;

    public static TheoryData<int> EdgeLengths { get; } = new(
        new[] { 0, 1, 31, 256 }.Concat(AroundEdge(VectorCopy.MinBytes)).Concat(AroundEdge(VectorCopy.MinBytes + 128)).Concat(AroundEdge(4_096)).Concat(AroundEdge(VectorCopy.MaxBytes)));

    [Theory]
    [MemberData(nameof(EdgeLengths))]
    public void EveryAlignmentIsCopiedWithoutATraceBesideIt(int length)
    {
        byte[] source = Pattern(length + Margin);
        byte[] destination = new byte[length + (3 * Margin)];
        for (int from = 0; from < 33; from += 8)
        {
            for (int to = 0; to < 65; to++)
            {
                Array.Fill(destination, (byte)0xEE);
                VectorCopy.Copy(source.AsSpan(from, length), destination.AsSpan(Margin + to));
                Assert.True(destination.AsSpan(Margin + to, length).SequenceEqual(source.AsSpan(from, length)), $"The bytes differ at {from} and {to}.");
                Assert.Equal(-1, destination.AsSpan(0, Margin + to).IndexOfAnyExcept((byte)0xEE));
                Assert.Equal(-1, destination.AsSpan(Margin + to + length).IndexOfAnyExcept((byte)0xEE));
            }
        }
    }

    [Fact]
    public void WithinOneArrayItDoesWhatCopyToDoes() =>
        Gen.Select(Gen.Int[0, VectorCopy.MaxBytes + 600], Gen.OneOf(Gen.Int[0, 200], Gen.Int[0, 20_000]), Gen.OneOf(Gen.Int[0, 200], Gen.Int[0, 20_000])).Sample(
            (length, from, to) =>
            {
                byte[] expected = Pattern(20_000 + VectorCopy.MaxBytes + 600);
                byte[] actual = [.. expected];
                expected.AsSpan(from, length).CopyTo(expected.AsSpan(to));
                VectorCopy.Copy(actual.AsSpan(from, length), actual.AsSpan(to));
                return expected.AsSpan().SequenceEqual(actual);
            },
            iter: 5_000);

    [Theory]
    [InlineData(1)]
    [InlineData(VectorCopy.MinBytes)]
    [InlineData(VectorCopy.MaxBytes)]
    [InlineData(VectorCopy.MaxBytes + 1)]
    public void ADestinationThatIsTooShortIsRefusedUntouched(int length)
    {
        byte[] source = Pattern(length);
        byte[] destination = new byte[length - 1];
        Assert.Throws<ArgumentException>(() => VectorCopy.Copy(source, destination));
        Assert.Equal(-1, destination.AsSpan().IndexOfAnyExcept((byte)0));
    }

    private static int[] AroundEdge(int length) => [.. Enumerable.Range(length - 33, 66)];

    private static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
