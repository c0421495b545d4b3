using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Regions;

// One region on one thread: blocks of every size and alignment, figures, limit, Reset, bad input.
public sealed unsafe class MemoryRegionTests
{
    private const int Chunk = 64 << 10;

    public static TheoryData<string> Heaps => RegionHeaps.All;

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ABlockOfEverySizeIsWritableAlignedAndCounted(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        foreach (int size in (int[])
            [0, 1, 15, 16, 17, 64, Chunk / 4, (Chunk / 4) + 1, Chunk - 1, Chunk, Chunk + 1, 3 << 20])
        {
            (long, long) before = RegionHeaps.LiveOf(heap);
            using (MemoryRegion region = heap.CreateRegion())
            {
                Assert.Equal((0L, 0L), (region.UsedBytes, region.CommittedBytes));
                void* block = region.Alloc((nuint)size);
                Assert.True(block != null);
                Assert.Equal((nuint)0, (nuint)block % 16);
                Pattern.Fill(block, (nuint)size, 7);
                Pattern.Verify(block, (nuint)size, 7);
                Assert.Equal(Math.Max(16, (size + 15) & ~15), region.UsedBytes);
                Assert.True(region.CommittedBytes >= region.UsedBytes);
            }

            Assert.Equal(before, RegionHeaps.LiveOf(heap));
        }
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ABlockHasItsAlignment(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion();
        for (nuint alignment = 1; alignment <= 1 << 18; alignment *= 2)
        {
            region.Alloc(1);
            void* block = region.Alloc(40, alignment);
            Assert.Equal((nuint)0, (nuint)block % nuint.Max(alignment, 16));
            Pattern.Fill(block, 40, 1);
        }

        Assert.Equal((nuint)0, (nuint)region.AllocZeroed(100, 256) % 256);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(48)]
    public void AnAlignmentThatIsNoPowerOfTwoIsRefused(int alignment)
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        Assert.Equal(
            "alignment", Assert.Throws<ArgumentException>(() => (nint)region.Alloc(8, (nuint)alignment)).ParamName);
        Assert.Throws<ArgumentException>(() => (nint)region.AllocZeroed(8, (nuint)alignment));
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ImpossibleSizesAreOutOfMemoryAndChangeNothing(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind, maxBytes: 64 << 20);
        using MemoryRegion region = heap.CreateRegion();
        Span<byte> kept = region.AllocSpan<byte>(100);
        kept.Fill(5);
        (long, long) figures = (region.UsedBytes, region.CommittedBytes);
        foreach (nuint size in (nuint[])
            [int.MaxValue, nuint.MaxValue / 2, nuint.MaxValue - 15, nuint.MaxValue - 1, nuint.MaxValue])
        {
            Assert.Throws<OutOfMemoryException>(() => (nint)region.Alloc(size));
            Assert.Throws<OutOfMemoryException>(() => (nint)region.Alloc(size, 4096));
            Assert.Throws<OutOfMemoryException>(() => (nint)region.AllocZeroed(size));
        }

        Assert.Throws<OutOfMemoryException>(() => (nint)region.Alloc(8, (nuint.MaxValue >> 1) + 1));
        Assert.Throws<OutOfMemoryException>(() => (nint)region.Alloc<long>((nuint.MaxValue / 8) + 2));
        Assert.Throws<OutOfMemoryException>(() => region.AllocSpan<decimal>(int.MaxValue));
        Assert.Throws<OutOfMemoryException>(() => region.GetSpan(int.MaxValue));
        Assert.Equal(figures, (region.UsedBytes, region.CommittedBytes));
        Assert.Equal(-1, kept.IndexOfAnyExcept((byte)5));
        region.AllocSpan<byte>(1 << 20).Fill(1);
    }

    [Fact]
    public void KeptChunkServesLargeRequestAtLimit()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion(new MemoryRegionOptions { MaxBytes = 256 << 10 });
        for (int i = 0; i < 11; i++)
        {
            region.Alloc(16 << 10);
        }

        long committed = region.CommittedBytes;
        Assert.InRange(committed, 192 << 10, 256 << 10);
        region.Reset();
        byte* block = (byte*)region.Alloc(100 << 10);
        block[0] = 1;
        block[(100 << 10) - 1] = 2;
        Assert.Equal(committed, region.CommittedBytes);
        Assert.Throws<OutOfMemoryException>(() => { region.Alloc(200 << 10); });
    }

    [Fact]
    public void ANegativeLengthIsRefused()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        Assert.Throws<ArgumentOutOfRangeException>(() => region.AllocSpan<int>(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.AllocMemory<int>(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.RentMemory<int>(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => region.GetSpan(-1));
        Assert.Throws<ArgumentException>(() => region.Advance(-1));
        Assert.Equal(0, region.UsedBytes);
    }

    [Theory]
    [InlineData(nameof(MemoryRegionOptions.ChunkBytes), 255)]
    [InlineData(nameof(MemoryRegionOptions.ChunkBytes), (1 << 30) + 1)]
    [InlineData(nameof(MemoryRegionOptions.MaxChunkBytes), 0)]
    [InlineData(nameof(MemoryRegionOptions.MaxBytes), -1)]
    public void AnOptionOutOfItsRangeIsNamed(string name, long value)
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        MemoryRegionOptions options = new();
        options = name switch
        {
            nameof(options.ChunkBytes) => options with { ChunkBytes = value },
            nameof(options.MaxChunkBytes) => options with { MaxChunkBytes = value },
            _ => options with { MaxBytes = value },
        };
        Assert.Contains(
            name,
            Assert.Throws<ArgumentOutOfRangeException>(() => heap.CreateRegion(options)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            name,
            Assert.Throws<ArgumentOutOfRangeException>(() => region.CreateRegion(options)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void TypedBlocksFollowEachOther()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        int* first = region.Alloc<int>(4);
        long* second = region.Alloc<long>(2);
        Span<Guid> third = region.AllocSpan<Guid>(3);
        fixed (Guid* start = third)
        {
            Assert.True((byte*)second == (byte*)first + 16 && (byte*)start == (byte*)second + 16);
        }

        Assert.Equal(16 + 16 + 48, region.UsedBytes);
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ZeroedMemoryIsZeroAlsoWhereItWasUsed(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion();
        region.AllocSpan<byte>(30_000).Fill(0xEE);
        region.Reset();
        Assert.Equal(-1, region.AllocSpan<byte>(10_000, zeroed: true).IndexOfAnyExcept((byte)0));
        Pattern.VerifyZero(region.AllocZeroed(9_999), 9_999);
        Assert.Equal(-1, region.AllocMemory<byte>(1_000, zeroed: true).Span.IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void ResetKeepsItsChunksAndFreesLargeBlocks()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        for (int i = 0; i < 1_000; i++)
        {
            region.Alloc(1_000);
        }

        long chunks = region.CommittedBytes;
        region.Alloc(5 << 20);
        Assert.Equal(chunks + (5 << 20), region.CommittedBytes);
        for (int round = 0; round < 3; round++)
        {
            region.Reset();
            Assert.Equal((0, chunks), (region.UsedBytes, region.CommittedBytes));
            for (int i = 0; i < 1_000; i++)
            {
                Pattern.Fill(region.Alloc(1_000), 1_000, (uint)i);
            }

            Assert.Equal((1_008_000, chunks), (region.UsedBytes, region.CommittedBytes));
        }
    }

    [Fact]
    public void ChunksDoubleUpToTheLargest()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion(new() { ChunkBytes = 1_024, MaxChunkBytes = 4_096 });
        long expected = 0;
        foreach (int chunk in (int[])[1_024, 2_048, 4_096, 4_096])
        {
            expected += chunk;
            for (int i = 0; i < chunk / 128; i++)
            {
                region.Alloc(128);
            }

            Assert.Equal((expected, expected), (region.CommittedBytes, region.UsedBytes));
        }
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void TheLimitIsReachedButNotExceeded(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { MaxBytes = 200_000 });
        for (int round = 0; round < 2; round++)
        {
            int blocks = 0;
            OutOfMemoryException? refusal = null;
            while (refusal is null)
            {
                refusal = Record.Exception(() => (nint)region.Alloc(64)) as OutOfMemoryException;
                blocks += refusal is null ? 1 : 0;
            }

            Assert.Equal(200_000 / 64, blocks);
            Assert.Contains("200000", refusal.Message, StringComparison.Ordinal);
            Assert.Contains("MaxBytes", refusal.Message, StringComparison.Ordinal);
            Assert.Throws<OutOfMemoryException>(() => (nint)region.Alloc(100_000));
            Assert.InRange(region.CommittedBytes, region.UsedBytes, 200_000);
            region.Reset();
        }

        // A large block needs room that the kept chunks have taken, if there are any.
        using MemoryRegion other = heap.CreateRegion(new() { MaxBytes = 200_000 });
        other.Alloc(200_000);
        Assert.Throws<OutOfMemoryException>(() => (nint)other.Alloc(1));
        other.Reset();
        other.Alloc(1);
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void RefusedMemoryLosesNothing(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind, maxBytes: 8 << 20);
        (long, long) before = RegionHeaps.LiveOf(heap);
        for (int round = 0; round < 3; round++)
        {
            MemoryRegion region = heap.CreateRegion(new() { ChunkBytes = 4_096 });
            System.Collections.Generic.List<nint> blocks = [];
            Exception? refusal = null;
            while (refusal is null)
            {
                nuint size = (nuint)(1 + (blocks.Count * 37 % 3_000));
                refusal = Record.Exception(() =>
                {
                    void* block = region.Alloc(size);
                    Pattern.Fill(block, size, (uint)blocks.Count);
                    blocks.Add((nint)block);
                });
            }

            Assert.IsType<OutOfMemoryException>(refusal);
            Assert.True(region.CommittedBytes >= region.UsedBytes);
            for (int i = 0; i < blocks.Count; i++)
            {
                Pattern.Verify((void*)blocks[i], (nuint)(1 + (i * 37 % 3_000)), (uint)i);
            }

            region.Reset();
            Pattern.Fill(region.Alloc(2_000), 2_000, 1);
            region.Dispose();
            Assert.Equal(before, RegionHeaps.LiveOf(heap));
        }

        heap.Trim();
        Assert.True(heap.Verify().IsSound);
    }

    [Fact]
    public void SteadyUseMakesNoGarbage()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion(new() { ChunkBytes = 4_096 });
        void UseAndReset()
        {
            for (int i = 0; i < 1_000; i++)
            {
                region.AllocSpan<int>(16)[0] = i;
            }

            region.Alloc(20_000);
            region.GetSpan(100)[0] = 1;
            region.Advance(100);
            region.Reset();
        }

        Assert.Equal(0, ManagedGarbage.Measure(rounds: 200, UseAndReset));
    }

    [Fact]
    public void ADebuggerShowsTheFigures()
    {
        using HakmemAllocator heap = new();
        MemoryRegion region = heap.CreateRegion();
        region.Alloc(64);
        Assert.Equal("UsedBytes = 64, CommittedBytes = 65536", DebuggerEvaluation.DisplayOf(region));
        region.Dispose();
        Assert.Equal("disposed", DebuggerEvaluation.DisplayOf(region));
    }
}
