using System;
using System.Buffers;
using System.Linq;
using System.Threading;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Recording;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Traces;

public sealed unsafe class RecordingTests
{
    [Fact]
    public void RentalsAreAllocationsOfWhatWasAskedFor()
    {
        TraceRecorder recorder = new();
        using (RecordingMemoryPool pool = new(MemoryPool<byte>.Shared, recorder))
        {
            Assert.Equal(MemoryPool<byte>.Shared.MaxBufferSize, pool.MaxBufferSize);
            IMemoryOwner<byte> first = pool.Rent(1000);
            IMemoryOwner<byte> second = pool.Rent();
            Assert.True(first.Memory.Length >= 1000);
            int defaultBytes = second.Memory.Length;
            Thread other = new(first.Dispose);
            other.Start();
            other.Join();
            first.Dispose();
            second.Dispose();
            Assert.Equal(
                [
                    (TraceEventKind.Allocate, 0, 0, 1000L), (TraceEventKind.Allocate, 0, 1, defaultBytes),
                    (TraceEventKind.Free, 1, 0, 0), (TraceEventKind.Free, 0, 1, 0),
                ],
                Recorded(recorder));
        }
    }

    [Fact]
    public void CallsOfAnAllocatorAreRecorded()
    {
        TraceRecorder recorder = new();
        using HakmemAllocator heap = new();
        RecordingAllocator allocator = new(heap, recorder);
        void* first = allocator.Alloc(100);
        void* second = allocator.AllocZeroed(200);
        void* third = allocator.AlignedAlloc(300, 4096);
        Assert.Equal(0u, (nuint)third % 4096);
        first = allocator.Realloc(first, 5000);
        void* fourth = allocator.Realloc(null, 7);
        Assert.True(allocator.TryAlloc(9, out void* fifth));
        Assert.True(allocator.Owns(second));
        Assert.True(allocator.UsableSize(third) >= 300);
        Assert.Equal(5, allocator.GetStatistics().LiveBlocks);
        allocator.Free(second);
        allocator.Free(null);
        allocator.Free(first);
        foreach (nint block in (nint[])[(nint)third, (nint)fourth, (nint)fifth])
        {
            allocator.Free((void*)block);
        }

        allocator.Trim();
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.Equal(
            [
                (TraceEventKind.Allocate, 0, 0, 100L), (TraceEventKind.AllocateZeroed, 0, 1, 200),
                (TraceEventKind.Allocate, 0, 2, 300), (TraceEventKind.Resize, 0, 0, 5000),
                (TraceEventKind.Allocate, 0, 3, 7), (TraceEventKind.Allocate, 0, 4, 9),
                (TraceEventKind.Free, 0, 1, 0), (TraceEventKind.Free, 0, 0, 0), (TraceEventKind.Free, 0, 2, 0),
                (TraceEventKind.Free, 0, 3, 0), (TraceEventKind.Free, 0, 4, 0),
            ],
            Recorded(recorder));
    }

    [Fact]
    public void AResizeThatFindsNoRoomIsNotRecordedAndItsBlockIsStillKnown()
    {
        TraceRecorder recorder = new();
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 << 20 });
        RecordingAllocator allocator = new(heap, recorder);
        void* block = allocator.Alloc(100);
        nint address = (nint)block;
        Assert.Throws<OutOfMemoryException>(() => { allocator.Realloc((void*)address, 1 << 30); });
        allocator.Free(block);
        Assert.Equal([(TraceEventKind.Allocate, 0, 0, 100L), (TraceEventKind.Free, 0, 0, 0)], Recorded(recorder));
    }

    [Fact]
    public void SizedAndTryCallsAreRecorded()
    {
        TraceRecorder recorder = new();
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 << 20 });
        RecordingAllocator allocator = new(heap, recorder);
        void* block = allocator.AllocAtLeast(100, out nuint usable);
        nint address = (nint)block;
        Assert.Equal(allocator.GoodSize(100), usable);
        Assert.True(allocator.TryExpand(block, usable));
        Assert.False(allocator.TryExpand(block, 1 << 30));
        Assert.False(allocator.TryRealloc(ref block, 1 << 30));
        Assert.Throws<HakmemCorruptionException>(() => allocator.Free((void*)address, usable + 1));
        Assert.True(allocator.TryRealloc(ref block, 5_000));
        block = allocator.Realloc(block, 6_000, 4096);
        Assert.Equal(0u, (nuint)block % 4096);
        nint aligned = (nint)block;
        Assert.Throws<ArgumentException>(() => { allocator.Realloc((void*)aligned, 6_000, 3); });
        void* second = null;
        Assert.True(allocator.TryRealloc(ref second, 7));
        Assert.True(allocator.TryAllocZeroed(8, out void* third));
        Assert.True(allocator.TryAlignedAlloc(9, 64, out void* fourth));
        allocator.Free(null, 3);
        allocator.Free(block, 6_000);
        allocator.Free(second, 7);
        allocator.Free(third);
        allocator.Free(fourth);

        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.Equal(
            [
                (TraceEventKind.Allocate, 0, 0, 100L), (TraceEventKind.Resize, 0, 0, (long)usable),
                (TraceEventKind.Resize, 0, 0, 5_000), (TraceEventKind.Resize, 0, 0, 6_000),
                (TraceEventKind.Allocate, 0, 1, 7), (TraceEventKind.AllocateZeroed, 0, 2, 8),
                (TraceEventKind.Allocate, 0, 3, 9), (TraceEventKind.Free, 0, 0, 0),
                (TraceEventKind.Free, 0, 1, 0), (TraceEventKind.Free, 0, 2, 0), (TraceEventKind.Free, 0, 3, 0),
            ],
            Recorded(recorder));
    }

    // The order of the events has to be one that a program can have: the constructor of Trace says.
    [Fact]
    public void ThreadsThatExchangeBlocksGiveATrace()
    {
        TraceRecorder recorder = new();
        using HakmemAllocator heap = new();
        RecordingAllocator allocator = new(heap, recorder);
        nint[] slots = new nint[64];
        Thread[] threads = [.. Enumerable.Range(1, 4).Select(seed => new Thread(() =>
        {
            Random random = new(seed);
            for (int i = 0; i < 5_000; i++)
            {
                void* block = allocator.Alloc((nuint)random.Next(1, 500));
                block = random.Next(4) == 0 ? allocator.Realloc(block, (nuint)random.Next(1, 900)) : block;
                allocator.Free((void*)Interlocked.Exchange(ref slots[random.Next(slots.Length)], (nint)block));
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Array.ForEach(slots, block => allocator.Free((void*)block));
        Trace trace = recorder.ToTrace("exchange");
        Assert.Equal((20_000, 0), (trace.BlockCount, trace.EndLiveBlockCount));
        Assert.InRange(trace.ThreadCount, 4, 5);
        Assert.Equal("exchange", trace.Description);
    }

    private static (TraceEventKind, int, int, long)[] Recorded(TraceRecorder recorder) =>
        [.. recorder.ToTrace("").Events.ToArray()
            .Select(entry => (entry.Kind, entry.Thread, entry.Block, entry.ByteCount))];
}
