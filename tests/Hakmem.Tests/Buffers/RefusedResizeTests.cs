using System;
using System.Buffers;
using System.Collections.Generic;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What is refused to a writer, an array or a buffer leaves it as it was: address, length, contents, and what the heap
// counts.
[Category(TestCategory.Stress)]
public sealed unsafe class RefusedResizeTests
{
    private const int LimitBytes = 8 << 20;

    private static readonly int[] s_bytes =
        [0, 16, 300, 5_000, 70_000, 300_000, 1 << 20, (1 << 20) + 1, 2 << 20, 3 << 20];

    public static IEnumerable<TheoryDataRow<HardeningLevel, bool>> Kinds =>
    [
        new(HardeningLevel.Standard, false), new(HardeningLevel.Standard, true),
        new(HardeningLevel.Full, false), new(HardeningLevel.Full, true),
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void RefusedResizeOfArrayChangesNothing(HardeningLevel hardening, bool isPinned)
    {
        ForEachPair(hardening, (heap, filler, bytes, wanted) =>
        {
            using NativeArray<byte> array = new(heap, bytes);
            array.Fill(7);
            Memory<byte> memory = array.AsMemory(0, bytes);
            using MemoryHandle pin = isPinned ? memory.Pin() : default;
            filler.Fill();
            nint address = (nint)array.Pointer;
            (long, long) live = LiveOf(heap);
            if (Record.Exception(() => array.Resize(wanted)) is not { } refusal)
            {
                return false;
            }

            Assert.IsType<OutOfMemoryException>(refusal);
            Assert.Equal(live, LiveOf(heap));
            Assert.Equal((address, bytes), ((nint)array.Pointer, array.Length));
            Assert.Equal(-1, memory.Span.IndexOfAnyExcept((byte)7));
            return true;
        });
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void RefusedGrowthOfWriterChangesNothing(HardeningLevel hardening, bool isPinned)
    {
        ForEachPair(hardening, (heap, filler, bytes, wanted) =>
        {
            using NativeBufferWriter<byte> writer = new(heap, bytes);
            writer.GetSpan(0);
            int capacity = writer.Capacity;
            writer.GetSpan().Fill(7);
            writer.Advance(capacity);
            ReadOnlyMemory<byte> memory = writer.WrittenMemory;
            using MemoryHandle pin = isPinned ? memory.Pin() : default;
            filler.Fill();
            ReadOnlySpan<byte> held = writer.WrittenSpan;
            (long, long) live = LiveOf(heap);
            if (Record.Exception(() => _ = writer.GetSpan(wanted)) is not { } refusal)
            {
                return false;
            }

            Assert.IsType<OutOfMemoryException>(refusal);
            Assert.Equal(live, LiveOf(heap));
            Assert.Equal((capacity, capacity), (writer.Capacity, writer.WrittenCount));
            Assert.True(held == writer.WrittenSpan, "The block has moved.");
            Assert.Equal(-1, held.IndexOfAnyExcept((byte)7));
            Assert.Throws<OutOfMemoryException>(() => writer.Write(new byte[wanted]));
            Assert.Equal(live, LiveOf(heap));
            return true;
        });
    }

    [Theory]
    [InlineData(HardeningLevel.Standard)]
    [InlineData(HardeningLevel.Full)]
    public void RefusedResizeOfBufferChangesNothing(HardeningLevel hardening)
    {
        ForEachPair(hardening, (heap, filler, bytes, wanted) =>
        {
            NativeBuffer<byte> buffer = heap.Rent<byte>(bytes);
            try
            {
                buffer.Span.Fill(7);
                filler.Fill();
                nint address = (nint)buffer.Pointer;
                (long, long) live = LiveOf(heap);
                try
                {
                    buffer.Resize(wanted);
                    return false;
                }
                catch (OutOfMemoryException)
                {
                    Assert.Equal(live, LiveOf(heap));
                    Assert.Equal((address, bytes), ((nint)buffer.Pointer, buffer.Length));
                    Assert.Equal(-1, buffer.Span.IndexOfAnyExcept((byte)7));
                    return true;
                }
            }
            finally
            {
                buffer.Dispose();
            }
        });
    }

    [Fact]
    public void AnyRefusedCallOfWriterChangesNothing()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = LimitBytes });
        HeapFiller filler = new(heap);
        Gen<int> size = Gen.Frequency((4, Gen.Int[0, 300]), (3, Gen.Int[0, 5_000]), (2, Gen.Int[-3, 300_000]));
        Gen<(int Action, int Size, byte Mark)> step = Gen.Select(Gen.Int[0, 7], size, Gen.Byte);
        step.Array[1, 40].Sample(
            steps =>
            {
                using NativeBufferWriter<byte> writer = new(heap, initialCapacity: 16);
                ArrayBufferWriter<byte> model = new();
                foreach ((int Action, int Size, byte Mark) each in steps)
                {
                    TakeOne(heap, filler, writer, model, each);
                }

                filler.FreeAll();
            },
            iter: 300,
            threads: 1);
        Assert.Equal((0, 0), LiveOf(heap));
    }

    private static void TakeOne(
        HakmemAllocator heap,
        HeapFiller filler,
        NativeBufferWriter<byte> writer,
        ArrayBufferWriter<byte> model,
        (int Action, int Size, byte Mark) step)
    {
        if (step.Action >= 6)
        {
            (step.Action == 6 ? (Action)filler.Fill : () => filler.Drain(step.Mark % 32, new Random(step.Size)))();
            return;
        }

        (long, long) live = LiveOf(heap);
        (int, int) figures = (writer.Capacity, writer.WrittenCount);
        ReadOnlySpan<byte> held = writer.WrittenSpan;
        byte[] contents = held.ToArray();
        try
        {
            Call(writer, step);
        }
        catch (Exception refusal)
            when (refusal is OutOfMemoryException or ArgumentException or InvalidOperationException)
        {
            Assert.Equal(live, LiveOf(heap));
            Assert.Equal(figures, (writer.Capacity, writer.WrittenCount));
            Assert.True(held == writer.WrittenSpan, "The block has moved.");
            Assert.True(held.SequenceEqual(contents), "The contents have changed.");
            return;
        }

        Call(model, step);
        Assert.True(model.WrittenSpan.SequenceEqual(writer.WrittenSpan), "The contents differ.");
    }

    private static void Call(IBufferWriter<byte> writer, (int Action, int Size, byte Mark) step)
    {
        int size = Math.Max(step.Size, 0);
        switch (step.Action)
        {
            case 0:
                writer.GetSpan(step.Size)[..size].Fill(step.Mark);
                writer.Advance(size);
                break;
            case 1:
                writer.GetMemory(step.Size).Span[..size].Fill(step.Mark);
                writer.Advance(size / 2);
                break;
            case 2:
                _ = writer.GetSpan(step.Size).Length;
                break;
            case 3:
                // Only where it fails in both: how much room there is beyond what was asked for is each one's own.
                writer.Advance(-1 - step.Mark);
                break;
            default:
                byte[] bytes = new byte[size];
                bytes.AsSpan().Fill(step.Mark);
                if (writer is NativeBufferWriter<byte> own)
                {
                    // Not the framework's method of this name, which writes piece by piece.
                    own.Write(bytes);
                }
                else
                {
                    writer.Write(bytes);
                }

                break;
        }
    }

    // Each old size with each larger one, and so many refusals that the test is one.
    private static void ForEachPair(
        HardeningLevel hardening, Func<HakmemAllocator, HeapFiller, int, int, bool> isRefused)
    {
        int refusals = 0;
        foreach (int bytes in s_bytes)
        {
            foreach (int wanted in s_bytes)
            {
                if (wanted > bytes)
                {
                    HakmemOptions options = new() { MaxBytes = LimitBytes, Hardening = hardening };
                    using HakmemAllocator heap = new(options);
                    refusals += isRefused(heap, new HeapFiller(heap), bytes, wanted) ? 1 : 0;
                }
            }
        }

        Assert.True(refusals > s_bytes.Length, $"Only {refusals} were refused.");
    }

    private static (long Bytes, long Blocks) LiveOf(HakmemAllocator heap)
    {
        HakmemStatistics statistics = heap.GetStatistics();
        return (statistics.LiveBytes, statistics.LiveBlocks);
    }
}
