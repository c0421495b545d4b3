using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Regions;

// After any sequence of calls: blocks are aligned and disjoint and keep their contents until Reset or Dispose, the
// figures are what the calls make them, and disposal leaves the heap as it was.
[Category(TestCategory.Stress)]
public sealed unsafe class RegionPropertyTests
{
    private enum Action
    {
        Alloc,
        Offer,
        Reset,
    }

    private static readonly int[] s_chunkBytes = [256, 1_024, 4_096, 65_536];

    private static readonly Gen<Step> s_step = Gen.Select(
        Gen.Frequency((20, Gen.Const(Action.Alloc)), (4, Gen.Const(Action.Offer)), (1, Gen.Const(Action.Reset))),
        Gen.Frequency((8, Gen.Int[0, 300]), (2, Gen.Int[0, 5_000]), (1, Gen.Int[0, 80_000])),
        Gen.Frequency((6, Gen.Const(4)), (2, Gen.Int[0, 9]), (1, Gen.Int[0, 14])),
        (action, bytes, shift) => new Step(action, bytes, shift));

    public static TheoryData<string> Heaps => RegionHeaps.All;

    [Theory]
    [MemberData(nameof(Heaps))]
    public void AnySequenceKeepsItsBlocksAndFigures(string kind)
    {
        // A hardened heap maps each chunk by itself.
        bool isHardened = kind is nameof(HardeningLevel.Checked) or nameof(HardeningLevel.Full);
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        (long, long) before = RegionHeaps.LiveOf(heap);
        Gen.Select(Gen.OneOf(s_chunkBytes), Gen.Bool, s_step.Array[1, 60]).Sample(
            (chunkBytes, isShared, steps) =>
            {
                using (MemoryRegion region = heap.CreateRegion(new() { ChunkBytes = chunkBytes, IsShared = isShared }))
                {
                    Model model = new();
                    foreach (Step step in steps)
                    {
                        model.Take(step, region, isShared);
                    }

                    model.VerifyAll();
                }

                Assert.Equal(before, RegionHeaps.LiveOf(heap));
            },
            iter: isHardened ? 150 : 1_500,
            threads: 1,
            print: input =>
                $"chunks of {input.Item1}, shared {input.Item2}:\n{string.Join("\n", (object[])input.Item3)}");
        heap.Trim();
        Assert.True(heap.Verify().IsSound);
    }

    private sealed record Step(Action Action, int Bytes, int AlignmentShift);

    private sealed class Model
    {
        private readonly List<(nuint Start, nuint Bytes, uint Mark)> _blocks = [];
        private uint _mark;

        public void Take(Step step, MemoryRegion region, bool isShared)
        {
            long used = region.UsedBytes;
            long padding = 0;
            nuint start = 0;
            switch (step.Action)
            {
                case Action.Reset:
                    VerifyAll();
                    region.Reset();
                    _blocks.Clear();
                    Assert.Equal(0, region.UsedBytes);
                    return;
                case Action.Offer when !isShared:
                    fixed (byte* offered = region.GetSpan(step.Bytes))
                    {
                        start = (nuint)offered;
                    }

                    Assert.Equal(used, region.UsedBytes);
                    region.Advance(step.Bytes);
                    used += (step.Bytes + 15) & ~15;
                    break;
                default:
                    nuint alignment = (nuint)1 << step.AlignmentShift;
                    start = (nuint)region.Alloc((nuint)step.Bytes, alignment);
                    Assert.Equal((nuint)0, start % nuint.Max(16, alignment));
                    used += Math.Max(16, (step.Bytes + 15) & ~15);
                    padding = (long)nuint.Max(16, alignment) - 16;
                    break;
            }

            Assert.InRange(region.UsedBytes, used, used + padding);
            Assert.True(region.CommittedBytes >= region.UsedBytes);
            Pattern.Fill((void*)start, (nuint)step.Bytes, ++_mark);
            _blocks.Add((start, (nuint)step.Bytes, _mark));
        }

        public void VerifyAll()
        {
            (nuint Start, nuint Bytes, uint Mark)[] sorted =
                [.. _blocks.Where(block => block.Bytes > 0).OrderBy(block => block.Start)];
            for (int i = 1; i < sorted.Length; i++)
            {
                Assert.True(sorted[i].Start - sorted[i - 1].Start >= sorted[i - 1].Bytes, "Two blocks overlap.");
            }

            _blocks.ForEach(block => Pattern.Verify((void*)block.Start, block.Bytes, block.Mark));
        }
    }
}
