using System;
using System.Linq;
using System.Numerics;
using CsCheck;
using Hakmem.Records;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Small;

// The table by which spans are cut and addresses are checked.
public sealed class SizeClassInfoTests
{
    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    public static TheoryData<int> Indexes { get; } = [.. Enumerable.Range(0, SizeClass.Count)];

    [Theory]
    [MemberData(nameof(Indexes))]
    public void TheReciprocalDividesEveryOffsetOfASuperSlab(int index)
    {
        // Counts up beside the division rather than dividing, so that all 112 times 2 Mi offsets take a moment.
        SizeClassInfo info = s_classes[index];
        ulong reciprocal = info.Reciprocal;
        ulong quotient = 0;
        int remainder = 0;
        for (uint offset = 0; offset < Geometry.SlabBytes; offset++)
        {
            ulong high = Math.BigMul(offset, reciprocal, out ulong low);
            if (high != quotient || (low < reciprocal) != (remainder == 0))
            {
                Assert.Fail($"Offset {offset} by {info.BlockBytes}: quotient {high}, multiple {low < reciprocal}.");
            }

            if (++remainder == info.BlockBytes)
            {
                remainder = 0;
                quotient++;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Indexes))]
    public void ASpanFitsItsSuperSlabAndWastesAtMostASixteenth(int index)
    {
        SizeClassInfo info = s_classes[index];
        int bytes = info.SpanUnits * Geometry.UnitBytes;
        Assert.Equal(index, info.Index);
        Assert.Equal(SizeClass.BytesOf(index), info.BlockBytes);
        Assert.InRange(info.SpanUnits, 1, Geometry.UnitsPerSlab);
        Assert.InRange(info.BlocksPerSpan, 1, Geometry.MaxBlocksPerSpan);
        Assert.Equal(info.BlocksPerSpan * info.BlockBytes, info.SpanBlockBytes);
        Assert.InRange(bytes - info.SpanBlockBytes, 0, Math.Min(bytes / 16, info.BlockBytes - 1));
    }

    [Theory]
    [MemberData(nameof(Indexes))]
    public void ASpanOfBlocksUpToAUnitHoldsSeveral(int index)
    {
        SizeClassInfo info = s_classes[index];
        Assert.True(info.BlockBytes > Geometry.UnitBytes || info.BlocksPerSpan >= 4);
    }

    [Theory]
    [MemberData(nameof(Indexes))]
    public void MagazinesHoldFromFourBlocksUpAndStartNoLargerThanTheyEnd(int index)
    {
        SizeClassInfo info = s_classes[index];
        Assert.InRange(info.RefillCapacity, 4, 253);
        Assert.InRange(info.InitialCapacity, 1, info.RefillCapacity);

        // The depot fills one with more than four only where they stay within 256 KiB, and a thread with no more than that, or one of eight
        // in place of two of four.
        Assert.True(info.RefillCapacity == 4 || (long)info.RefillCapacity * info.BlockBytes <= 256 << 10);
        Assert.Equal(info.RefillCapacity == 4 ? 8 : info.RefillCapacity, info.MagazineCapacity);
        Assert.Equal(info.RefillCapacity != 4, info.AllowsSecond);
    }
}
