using System;
using System.Linq;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// An array keeps its alignment and its bytes wherever resizing moves it: to another size class, from there to units, to runs of SuperSlabs,
// past neighbours that are in the way, and to the front of guard pages.
[Category(TestCategory.Stress)]
public sealed unsafe class AlignedResizeTests
{
    private const int Arrays = 6;

    private static readonly Gen<(int Array, int Bytes)> s_step = Gen.Select(
        Gen.Int[0, Arrays - 1],
        Gen.OneOf(Gen.Int[0, 3_000], Gen.Int[3_000, 300_000], Gen.Int[300_000, 2_200_000], Gen.Int[2_200_000, 5_000_000]));

    [Theory]
    [InlineData(HardeningLevel.Standard, 60)]
    [InlineData(HardeningLevel.Checked, 60)]
    [InlineData(HardeningLevel.Full, 20)]
    public void AnySequenceKeepsAlignmentsAndBytes(HardeningLevel hardening, int sequences) =>
        Gen.Select(Gen.Int[0, 22].Array[Arrays], s_step.Array[1, 25]).Sample(
            (shifts, steps) => Run(hardening, shifts, steps),
            iter: sequences,
            print: input => $"alignments of {string.Join(", ", input.Item1.Select(shift => 1 << shift))}: {string.Join(", ", input.Item2)}");

    private static void Run(HardeningLevel hardening, int[] shifts, (int Array, int Bytes)[] steps)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = hardening });
        NativeArray<byte>[] arrays = [.. shifts.Select(shift => new NativeArray<byte>(heap, 1_500_000, alignment: 1 << shift))];
        int[] marked = new int[Arrays];
        for (int array = 0; array < Arrays; array++)
        {
            Mark(arrays[array], array);
            marked[array] = 1_500_000;
        }

        foreach ((int array, int bytes) in steps)
        {
            arrays[array].Resize(bytes);
            Assert.Equal(0u, (nuint)arrays[array].Pointer % ((nuint)1 << shifts[array]));
            AssertMarked(arrays[array], array, Math.Min(bytes, marked[array]));
            Mark(arrays[array], array);
            marked[array] = bytes;
        }

        for (int array = 0; array < Arrays; array++)
        {
            AssertMarked(arrays[array], array, marked[array]);
            arrays[array].Dispose();
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // Every 1009th byte, from the first, says which array it is of and where.
    private static void Mark(NativeArray<byte> array, int name)
    {
        Span<byte> bytes = array.AsSpan();
        for (int i = 0; i < bytes.Length; i += 1_009)
        {
            bytes[i] = (byte)(name + i);
        }
    }

    private static void AssertMarked(NativeArray<byte> array, int name, int count)
    {
        Span<byte> bytes = array.AsSpan()[..count];
        for (int i = 0; i < bytes.Length; i += 1_009)
        {
            Assert.Equal((byte)(name + i), bytes[i]);
        }
    }
}
