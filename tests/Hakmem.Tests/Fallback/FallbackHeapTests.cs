using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Hakmem.Fallback;
using Hakmem.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Fallback;

// Where a heap of NativeMemory's blocks differs from an ordinary one; what they have in common is in Conformance and Stress.
public sealed unsafe class FallbackHeapTests
{
    private const long Limit = 16L << 20;

    [Fact]
    public void StatisticsAreThoseOfTheLiveBlocks()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        BlockLedger ledger = new(heap);
        foreach (nuint size in new nuint[] { 0, 1, 64, 1_000, BlockSizes.Mid, BlockSizes.Large })
        {
            ledger.Allocate(size);
            ledger.AllocateAligned(size, 4_096);
        }

        for (int i = 0; i < ledger.Count; i++)
        {
            ledger.Resize(i, (nuint)(i * 5_000));
        }

        ledger.AssertStatisticsMatch();
        HakmemStatistics full = heap.GetStatistics();
        Assert.True(full.IsFallback);
        Assert.StartsWith("a fallback: ", full.ToString(), StringComparison.Ordinal);
        Assert.InRange(full.CommittedBytes, full.LiveBytes + full.LiveBlocks, full.LiveBytes + (full.LiveBlocks * 5_000));
        Assert.Equal(full.CommittedBytes, full.DirtyBytes);
        ledger.FreeAll();
        HakmemStatistics empty = heap.GetStatistics();
        Assert.Equal((0, 0, 0), (empty.LiveBlocks, empty.LiveBytes, empty.CommittedBytes));
        Assert.True(empty.PeakCommittedBytes >= full.CommittedBytes);
    }

    [Fact]
    public void AnOrdinaryHeapIsNoFallback()
    {
        using HakmemAllocator heap = new();
        Assert.Equal(!HakmemAllocator.IsSupported, heap.GetStatistics().IsFallback);
    }

    [Fact]
    public void EveryMemberReportsTheLimit()
    {
        using HakmemAllocator heap = LimitedHeap();
        Block small = Block.Allocate(heap, 100, 1);
        nuint tooMuch = (nuint)Limit - 100;
        OutOfMemoryException refusal = Assert.Throws<OutOfMemoryException>(() => heap.Alloc(tooMuch));
        Assert.Contains($"the heap's limit of {Limit} bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<OutOfMemoryException>(() => heap.AllocZeroed(tooMuch));
        Assert.Throws<OutOfMemoryException>(() => heap.AlignedAlloc(tooMuch, 64));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(null, tooMuch));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(small.Pointer, tooMuch + 100));
        Assert.False(heap.TryAlloc(tooMuch, out void* none));
        Assert.False(heap.TryAllocZeroed(tooMuch, out none));
        Assert.False(heap.TryAlignedAlloc(tooMuch, 64, out none));
        Assert.True(none is null);
        Assert.Throws<OutOfMemoryException>(() => heap.AllocAtLeast(tooMuch, out _));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(small.Pointer, tooMuch + 100, 64));
        void* resized = small.Pointer;
        Assert.False(heap.TryRealloc(ref resized, tooMuch + 100));
        Assert.False(heap.TryExpand(small.Pointer, 101));
        Assert.True(resized == small.Pointer);
        small.VerifyAndFree(heap);
        Block.Allocate(heap, tooMuch, 2).VerifyAndFree(heap);
        Assert.InRange(heap.GetStatistics().PeakCommittedBytes, (long)tooMuch, Limit);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ThreadsThatRaceForTheLastBytesDoNotExceedTheLimit()
    {
        using HakmemAllocator heap = LimitedHeap();
        Workers.Run(4, _ =>
        {
            for (int round = 0; round < 50; round++)
            {
                List<Block> blocks = [];
                while (heap.TryAlloc(BlockSizes.Mid, out void* block))
                {
                    blocks.Add(Block.Filled(block, BlockSizes.Mid, (uint)blocks.Count));
                }

                blocks.ForEach(block => block.VerifyAndFree(heap));
            }
        });
        HakmemStatistics statistics = heap.GetStatistics();
        Assert.InRange(statistics.PeakCommittedBytes, Limit - (1 << 20), Limit);
        Assert.Equal(0, statistics.CommittedBytes);
    }

    // Whatever the alignments before and after, and wherever NativeMemory moves the memory.
    [Fact]
    public void ResizesBetweenAlignmentsKeepTheContents()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        nuint[] sizes = [0, 1, 100, 5_000, 300_000, 3 << 20];
        uint seed = 0;
        foreach (nuint before in new nuint[] { 16, 256, 4_096, 1 << 20 })
        {
            foreach (nuint after in new nuint[] { 1, 64, 8_192 })
            {
                foreach (nuint from in sizes)
                {
                    foreach (nuint to in sizes)
                    {
                        Block block = Block.Filled(heap.AlignedAlloc(from, before), from, ++seed);
                        Block neighbour = Block.Allocate(heap, from, ++seed);
                        void* moved = heap.Realloc(block.Pointer, to, after);
                        Assert.Equal((nuint)0, (nuint)moved % nuint.Max(after, 16));
                        Pattern.Verify(moved, nuint.Min(from, to), block.Seed);
                        Block.Filled(moved, heap.UsableSize(moved), ++seed).VerifyAndFree(heap);
                        neighbour.VerifyAndFree(heap);
                    }
                }
            }
        }

        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
        HeapSoundness.Assert(heap);
    }

    [Fact]
    public void DisposeFreesWhatIsLive()
    {
        FallbackHeap heap = new(new HeapBudget(new HeapLimits()), reason: null);
        for (int i = 0; i < 100; i++)
        {
            Workers.RunOne(() => heap.TryAllocate(null, (nuint)i, 16, isZeroed: false));
        }

        Assert.Equal(100, heap.GetStatistics().LiveBlocks);
        Assert.NotEqual(0, heap.CommittedBytes);
        heap.Dispose();
        Assert.Equal(0, heap.CommittedBytes);
    }

    // Far more than the machine has, if it were kept.
    [Fact]
    public void MemoryOfDisposedHeapsIsReused()
    {
        long before = Environment.WorkingSet;
        for (int i = 0; i < 100; i++)
        {
            HakmemAllocator heap = HakmemAllocator.CreateFallback();
            Block.Allocate(heap, BlockSizes.Large, (uint)i);
            heap.Dispose();
        }

        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 500 << 20);
    }

    [Fact]
    public void APointerThatIsNoBlockIsReported()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        using HakmemAllocator other = HakmemAllocator.CreateFallback();
        byte* block = (byte*)heap.Alloc(1_000);
        void* foreign = other.Alloc(1_000);
        new Span<byte>(block, 1_000).Clear();
        foreach (nint wrong in new nint[] { 16, (nint)block + 8, (nint)block + 512, (nint)foreign })
        {
            Corruption.AssertReported((void*)wrong, () => heap.Free((void*)wrong));
            Corruption.AssertReported((void*)wrong, () => heap.Realloc((void*)wrong, 10));
            Corruption.AssertReported((void*)wrong, () => heap.UsableSize((void*)wrong));
            Corruption.AssertReported((void*)wrong, () => heap.Free((void*)wrong, 1));
            Corruption.AssertReported((void*)wrong, () => heap.TryExpand((void*)wrong, 1));
            void* resized = (void*)wrong;
            Corruption.AssertReported((void*)wrong, () => heap.TryRealloc(ref resized, 1));
        }

        HakmemCorruptionException exception = Assert.Throws<HakmemCorruptionException>(() => heap.Free(foreign));
        Assert.Contains("another heap", exception.Message, StringComparison.Ordinal);
        other.Free(foreign);
        heap.Free(block);
    }

    [Fact]
    public void VerifyFindsADamagedHeader()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        void* block = heap.Alloc(100);
        void* next = heap.Alloc(100);
        HeapSoundness.Assert(heap);
        FallbackHeader.Of(block)->Mark ^= 1;
        HakmemVerification verification = heap.Verify();
        string problem = Assert.Single(verification.Problems);
        Assert.Contains($"0x{(nuint)block:x}", problem, StringComparison.Ordinal);
        FallbackHeader.Of(block)->Mark ^= 1;
        HeapSoundness.Assert(heap);
        heap.Free(block);
        heap.Free(next);
    }

    [Fact]
    public void TheMapIsEmptyAndTrimKeepsWhatIsLive()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        Block block = Block.Allocate(heap, BlockSizes.Mid, 1);
        heap.Trim();
        Assert.Empty(heap.GetHeapMap().SuperSlabs);
        block.VerifyAndFree(heap);
    }

    [Fact]
    public void ADisposedHeapIsRefusedAndOwnsNothing()
    {
        HakmemAllocator heap = HakmemAllocator.CreateFallback();
        void* block = heap.Alloc(100);
        Assert.True(heap.Owns(block));
        heap.Dispose();
        heap.Dispose();
        Assert.False(heap.Owns(block));
        Assert.Throws<ObjectDisposedException>(() => heap.Alloc(100));
        Assert.Throws<ObjectDisposedException>(() => heap.TryAlloc(100, out _));
        Assert.Throws<ObjectDisposedException>(() => heap.AlignedAlloc(100, 64));
        Assert.Throws<ObjectDisposedException>(() => heap.Realloc(block, 1));
        Assert.Throws<ObjectDisposedException>(() => heap.Free(block));
        Assert.Throws<ObjectDisposedException>(() => heap.Free(block, 100));
        Assert.Throws<ObjectDisposedException>(() => heap.TryExpand(block, 100));
        Assert.Throws<ObjectDisposedException>(() => heap.GoodSize(100));
        Assert.Throws<ObjectDisposedException>(() => heap.UsableSize(block));
        Assert.Throws<ObjectDisposedException>(heap.Trim);
        Assert.Throws<ObjectDisposedException>(heap.GetStatistics);
        Assert.Throws<ObjectDisposedException>(heap.GetHeapMap);
        Assert.Throws<ObjectDisposedException>(heap.Verify);
        Assert.Equal("disposed", DebuggerEvaluation.DisplayOf(heap));
    }

    [Fact]
    public void TryDisposeLeavesAHeapWithALiveBlock()
    {
        HakmemAllocator heap = HakmemAllocator.CreateFallback();
        Block block = Block.Allocate(heap, 100, 1);
        Assert.False(heap.TryDispose());
        Workers.RunOne(() => block.VerifyAndFree(heap));
        Assert.True(heap.TryDispose());
        Assert.Throws<ObjectDisposedException>(() => heap.Alloc(100));
    }

    // A thread that resizes its only block holds it throughout, whichever list it is in or out of.
    [Fact]
    public void TriesToDisposeBesideResizesTakeNobodysBlock()
    {
        HakmemAllocator heap = HakmemAllocator.CreateFallback();
        Block first = Block.Allocate(heap, 1_000, 0);
        bool isOver = false;
        Workers.Run(2, worker =>
        {
            if (worker == 0)
            {
                for (int i = 0; i < 20_000; i++)
                {
                    Assert.False(heap.TryDispose());
                }

                Volatile.Write(ref isOver, true);
                return;
            }

            Random random = new(1);
            Block block = first;
            while (!Volatile.Read(ref isOver))
            {
                try
                {
                    block = block.Resize(heap, (nuint)random.Next(1, 100_000), (uint)random.Next());
                }
                catch (ObjectDisposedException)
                {
                    // The heap was closed for a moment while its blocks were counted.
                    Thread.Yield();
                }
            }

            while (!TryFree(block))
            {
                Thread.Yield();
            }
        });
        Assert.True(heap.TryDispose());

        bool TryFree(Block block)
        {
            try
            {
                block.VerifyAndFree(heap);
                return true;
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
        }
    }

    [Fact]
    public void ADebuggerIsShownAFallback()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        Assert.Equal("isolated fallback, 0 bytes committed", DebuggerEvaluation.DisplayOf(heap));
        using NativeArray<byte> array = new(heap, 100);
        Assert.Contains(" = 100", DebuggerEvaluation.DisplayOf(array), StringComparison.Ordinal);
        Assert.NotNull(DebuggerEvaluation.ViewOf(heap));
    }

    [Fact]
    public void BuffersWritersAndStreamsWork()
    {
        using HakmemAllocator heap = HakmemAllocator.CreateFallback();
        using (NativeBuffer<int> buffer = heap.Rent<int>(10, zeroed: true))
        {
            buffer.Resize(10_000, zeroed: true);
            Assert.Equal(-1, buffer.Span.IndexOfAnyExcept(0));
        }

        using (NativeBufferWriter<byte> writer = new(heap))
        {
            for (int i = 0; i < 100; i++)
            {
                writer.GetSpan(1_000)[..1_000].Fill((byte)i);
                writer.Advance(1_000);
            }

            Assert.Equal(99, writer.WrittenSpan[^1]);
        }

        using (NativeMemoryStream stream = new(heap))
        {
            stream.Write(new byte[1 << 20], 0, 1 << 20);
            stream.SetLength(5 << 20);
            stream.Seek(0, SeekOrigin.End);
            Assert.Equal(5 << 20, stream.Position);
        }

        using (NativeArray<long> array = new(heap, 100))
        {
            array.Resize(100_000);
            array[99_999] = 1;
        }

        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    // The arithmetic of sizes near the end of all addresses.
    [Fact]
    public void TotalsDoNotOverflow()
    {
        nuint half = nuint.MaxValue >> 1;
        for (int shift = FallbackHeader.MinAlignmentShift; shift < nint.Size * 8; shift++)
        {
            foreach (nuint size in new[] { half - 1, half, half + 1, nuint.MaxValue - 100, nuint.MaxValue })
            {
                Assert.False(FallbackHeader.TryGetTotal(size, shift, out _));
            }
        }

        Assert.True(FallbackHeader.TryGetTotal(half - 1_000, 4, out nuint total));
        Assert.InRange(total, half - 1_000, half);
        Assert.False(FallbackHeader.TryGetTotal(0, (nint.Size * 8) - 1, out _));
    }

    private static HakmemAllocator LimitedHeap() =>
        HakmemAllocator.CreateFallback(new HakmemOptions { MaxBytes = Limit });
}
