using System;
using System.Runtime.InteropServices;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Inspection;

public sealed unsafe class ResidentBytesTests : IDisposable
{
    private const int Bytes = 32 << 20;

    // What may come with a block of that size: the rest of its last SuperSlab, of a huge page.
    private const int Slack = 4 << 20;

    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void TouchedPagesAreResidentUntilTheyArePurged()
    {
        void* block = _heap.Alloc(Bytes);
        Assert.InRange(Resident, 0, Slack);
        NativeMemory.Fill(block, Bytes, 1);
        Assert.InRange(Resident, Bytes, Bytes + Slack);
        _heap.Free(block);
        _heap.Trim();
        Assert.InRange(Resident, 0, Slack);
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void SuperSlabsWithGapsBetweenThemAreAllCounted()
    {
        void*[] blocks = new void*[8];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = _heap.Alloc(Slack);
            NativeMemory.Fill(blocks[i], Slack, 1);
        }

        long before = Resident;
        for (int i = 0; i < blocks.Length; i += 2)
        {
            _heap.Free(blocks[i]);
        }

        _heap.Trim();
        Assert.InRange(before - Resident, 4 * Slack, 5 * Slack);
        Assert.InRange(Resident, 4 * Slack, 5 * Slack);
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void BlocksOfTagsAreCounted()
    {
        using MemoryTag tag = new("resident");
        long before = Resident;
        NativeMemory.Fill(_heap.ForTag(tag).Alloc(Bytes), Bytes, 1);
        Assert.InRange(Resident - before, Bytes, Bytes + Slack);
    }

    // The test's memory does not say.
    [Fact]
    public void ASystemThatDoesNotSayIsNoAnswer()
    {
        using FaultyMemory os = new();
        using HakmemAllocator heap = new(new HakmemOptions(), new Arena(os, TestArena.DefaultBytes));
        heap.Alloc(100);
        Assert.Null(heap.MeasureResidentBytes());
    }

    [Fact]
    public void ADisposedHeapThrowsAndIsNotMeasured()
    {
        HakmemAllocator heap = new();
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => heap.MeasureResidentBytes());
        Assert.Null(heap.TryMeasureResidentBytes());
    }

    private long Resident => _heap.MeasureResidentBytes() ?? -1;
}
