using System;
using System.Buffers;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Hakmem.Tests.Regions;

// A region as an IBufferWriter<byte>.
public sealed class RegionWriterTests
{
    public static TheoryData<string> Heaps => RegionHeaps.All;

    [Theory]
    [MemberData(nameof(Heaps))]
    public void WhatIsAdvancedOverIsKept(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { ChunkBytes = 1_024 });
        long used = 0;
        System.Collections.Generic.List<(Memory<byte> Kept, byte Mark)> pieces = [];
        for (int i = 0; i < 300; i++)
        {
            int wanted = i * 29 % 2_500;
            Memory<byte> room = region.GetMemory(wanted);
            Assert.True(room.Length >= Math.Max(1, wanted));
            int written = Math.Min(room.Length, i * 31 % (wanted + 1));
            room.Span[..written].Fill((byte)i);
            region.Advance(written);
            used += (written + 15) & ~15;
            Assert.Equal(used, region.UsedBytes);
            pieces.Add((room[..written], (byte)i));
        }

        Assert.All(pieces, piece => Assert.Equal(-1, piece.Kept.Span.IndexOfAnyExcept(piece.Mark)));
    }

    [Fact]
    public void AnAdvanceOverMoreThanWasOfferedIsRefused()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        Assert.Throws<InvalidOperationException>(() => region.Advance(1));
        int length = region.GetSpan(10).Length;
        Assert.Throws<InvalidOperationException>(() => region.Advance(length + 1));
        region.Advance(10);
        Assert.Throws<InvalidOperationException>(() => region.Advance(1));

        // The room is another block's by now.
        region.GetSpan(10);
        region.AllocSpan<byte>(5);
        Assert.Throws<InvalidOperationException>(() => region.Advance(10));
        region.GetSpan(10);
        region.Reset();
        Assert.Throws<InvalidOperationException>(() => region.Advance(10));
        region.Advance(0);
        Assert.Equal(0, region.UsedBytes);
    }

    [Fact]
    public void ASharedRegionIsNoWriterButOneWithinItIs()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = true });
        Assert.Throws<InvalidOperationException>(() => region.GetSpan());
        Assert.Throws<InvalidOperationException>(() => region.GetMemory());
        Assert.Throws<InvalidOperationException>(() => region.Advance(1));
        region.CreateRegion().GetSpan(5)[4] = 1;
    }

    [Fact]
    public void TheFrameworksWritersWriteToIt()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        Span<byte> first = region.GetSpan(5);
        region.Write("hello"u8);
        Assert.Equal("hello", Encoding.UTF8.GetString(first[..5]));
        Span<byte> room = region.GetSpan(256);
        using (Utf8JsonWriter json = new(region))
        {
            json.WriteStartArray();
            json.WriteNumberValue(12);
            json.WriteEndArray();
        }

        Assert.Equal("[12]", Encoding.UTF8.GetString(room[..4]));
    }
}
