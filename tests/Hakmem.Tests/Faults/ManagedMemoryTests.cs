#if DEBUG
using System;
using Hakmem.Events;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// The promise that an operation loses nothing where managed memory is out in the middle of it: each need of it is
// refused in turn.
public sealed unsafe class ManagedMemoryTests
{
    // Whose blocks they are.
    public enum Kind
    {
        Isolated,
        Profiled,
        Hardened,
        Tagged,
        TaggedAndProfiled,
        Fallback,
        TaggedFallback,
    }

    public static TheoryData<Kind> Kinds { get; } = [.. Enum.GetValues<Kind>()];

    // The address of a block that had moved was lost, and the record of one that had shrunk said more than it had.
    [Theory]
    [InlineData(Kind.Isolated, 100, 1 << 20)]
    [InlineData(Kind.Isolated, 1 << 20, 100)]
    [InlineData(Kind.Isolated, 5 << 20, 9 << 20)]
    [InlineData(Kind.Profiled, 100, 1 << 20)]
    [InlineData(Kind.Hardened, 100, 200)]
    [InlineData(Kind.Hardened, 1 << 20, 100)]
    [InlineData(Kind.Tagged, 100, 1 << 20)]
    [InlineData(Kind.Tagged, 1 << 20, 100)]
    [InlineData(Kind.TaggedAndProfiled, 100, 1 << 20)]
    [InlineData(Kind.Fallback, 100, 1 << 20)]
    [InlineData(Kind.Fallback, 1 << 20, 100)]
    [InlineData(Kind.TaggedFallback, 100, 1 << 20)]
    public void AResizeWithoutManagedMemoryKeepsTheBlock(Kind kind, long before, long after)
    {
        using TestHeap test = new(kind);
        Assert.NotEqual(0, RefusedNeeds.Sweep(n =>
        {
            using NativeArray<byte> array = new(test.Allocator, before);
            array.Fill(7);
            bool isRefused = RefusedNeeds.Refuse(n, () => array.Resize(after), out bool isDone);
            Assert.Equal(isDone ? after : before, array.Length);
            Assert.True(test.Heap.UsableSize(array.Pointer) >= (nuint)array.Length);
            Assert.Equal(-1, array.AsSpan()[..(int)Math.Min(before, after)].IndexOfAnyExcept((byte)7));
            array.Fill(8);
            test.AssertLive(1);
            array.Dispose();
            test.AssertLive(0);
            return isRefused;
        }));
    }

    // Its owner has given up the address: the block was lost.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void AFreeWithoutManagedMemoryIsDone(Kind kind)
    {
        using TestHeap test = new(kind);
        int refused = RefusedNeeds.Sweep(n =>
        {
            nint block = (nint)test.Allocator.Alloc(100);
            bool isRefused = RefusedNeeds.Refuse(n, () => test.Allocator.Free((void*)block), out bool isDone);
            Assert.True(isDone);
            test.AssertLive(0);
            return isRefused;
        });
        Assert.True(refused > 0 || kind is Kind.Fallback or Kind.TaggedFallback);
    }

    // Nobody had the address of a block that was allocated before the need was refused.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void AnAllocationWithoutManagedMemoryLosesNothing(Kind kind)
    {
        using TestHeap test = new(kind);
        int refused = RefusedNeeds.Sweep(n =>
        {
            nint block = 0;
            bool isRefused = RefusedNeeds.Refuse(n, () => block = (nint)test.Allocator.Alloc(100_000), out bool isDone);
            Assert.Equal(isDone, block != 0);
            test.AssertLive(isDone ? 1 : 0);
            test.Allocator.Free((void*)block);
            test.AssertLive(0);
            return isRefused;
        });
        Assert.True(refused > 0 || kind is Kind.Fallback or Kind.TaggedFallback);
    }

    // A cache that a thread had adopted, and was not given, stayed with it until it ended.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnAdoptionWithoutManagedMemoryStrandsNoCache(bool isHeard)
    {
        using TestHeap test = new(Kind.Isolated);

        // Nobody listens. The source, if there is one, raises nothing.
        bool wasHeard = EventListening.IsOn;
        EventListening.IsOn |= isHeard;
        _ = RefusedNeeds.Refuse(0, () => test.Heap.Free(test.Heap.Alloc(100)), out _);
        int caches = test.Heap.GetStatistics().ThreadCaches;
        Assert.NotEqual(0, RefusedNeeds.Sweep(n =>
        {
            int after = 0;
            bool isRefused = RefusedNeeds.Refuse(
                n,
                () =>
                {
                    for (int i = 0; i < 3; i++)
                    {
                        try
                        {
                            test.Heap.Free(test.Heap.Alloc(100));
                        }
                        catch (OutOfMemoryException)
                        {
                            // The next call tries again.
                        }
                    }

                    after = test.Heap.GetStatistics().ThreadCaches;
                },
                out _);
            Assert.InRange(after, 1, caches);
            return isRefused;
        }));
        EventListening.IsOn = wasHeard;
    }

    [Fact]
    public void AWriterThatCannotBeMadeFreesItsBlock()
    {
        using TestHeap test = new(Kind.Isolated);
        Assert.NotEqual(0, RefusedNeeds.Sweep(n =>
        {
            NativeBufferWriter<byte>? writer = null;
            bool isRefused = RefusedNeeds.Refuse(
                n, () => writer = new NativeBufferWriter<byte>(test.Heap, 100), out bool isDone);
            test.AssertLive(isDone ? 1 : 0);
            writer?.Dispose();
            return isRefused;
        }));
    }

    // The damaged block was in no list any more: its range was never released.
    [Fact]
    public void DamageWithoutManagedMemoryForItsTextLosesNoRange()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Full });
        Assert.NotEqual(0, RefusedNeeds.Sweep(n =>
        {
            nint block = (nint)heap.Alloc(2_001);
            ((byte*)block)[2_001] ^= 1;
            bool isRefused = RefusedNeeds.Refuse(
                n,
                () =>
                {
                    try
                    {
                        heap.Free((void*)block);
                        Assert.Fail("The damage was not found.");
                    }
                    catch (HakmemCorruptionException)
                    {
                        // As there is to be.
                    }
                },
                out _);
            Assert.Equal(0, heap.GetStatistics().LiveBlocks);
            heap.Trim();
            Assert.Equal(0, heap.GetStatistics().SuperSlabsInUse);
            Assert.True(heap.Verify().IsSound);
            return isRefused;
        }));
    }

    // The chunks were not given back, and the region passed for disposed.
    [Fact]
    public void ADisposalWithoutManagedMemoryReleasesARegion()
    {
        using TestHeap test = new(Kind.Isolated);
        Assert.NotEqual(0, RefusedNeeds.Sweep(n =>
        {
            MemoryRegion region = test.Heap.CreateRegion();
            _ = region.AsAllocator().Alloc(100);
            bool isRefused = RefusedNeeds.Refuse(n, region.Dispose, out bool isDone);
            Assert.True(isDone);
            test.AssertLive(0);
            return isRefused;
        }));
    }

    // It was closed, and its memory was not released.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AHeapWithoutManagedMemoryIsDisposedWhole(bool isTried)
    {
        Assert.NotEqual(0, RefusedNeeds.Sweep(n =>
        {
            using MemoryTag tag = new("test");
            HakmemAllocator heap = new();
            heap.CreateRegion().AsAllocator();
            IHakmemAllocator tagged = heap.ForTag(tag);
            tagged.Free(tagged.Alloc(100));
            Assert.NotEqual(0, heap.TakenBytes);
            bool isRefused = RefusedNeeds.Refuse(n, isTried ? () => heap.TryDispose() : heap.Dispose, out _);
            Assert.True(heap.IsDisposed);
            Assert.Equal(0, heap.TakenBytes);
            Assert.True(heap.TryDispose());
            Assert.Throws<ObjectDisposedException>(() => (nint)tagged.Alloc(100));
            return isRefused;
        }));
    }

    // A heap, and an allocator over it, whose blocks can be counted.
    private sealed class TestHeap : IDisposable
    {
        private readonly MemoryTag? _tag;
        private readonly HakmemProfiler? _profiler;

        public TestHeap(Kind kind)
        {
            Heap = kind is Kind.Fallback or Kind.TaggedFallback ? HakmemAllocator.CreateFallback()
                : kind == Kind.Hardened
                ? new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full, CaptureStacks = true })
                : new HakmemAllocator();
            _tag = kind is Kind.Tagged or Kind.TaggedAndProfiled or Kind.TaggedFallback
                ? new MemoryTag("test", hardBytes: 1 << 30)
                : null;
            Allocator = _tag is null ? Heap : Heap.ForTag(_tag);
            _profiler = kind is Kind.Profiled or Kind.TaggedAndProfiled ? Profilers.StartUnbounded(Heap, 1) : null;
        }

        public HakmemAllocator Heap { get; }

        public IHakmemAllocator Allocator { get; }

        public void AssertLive(long blocks)
        {
            Assert.Equal(blocks, Heap.GetStatistics().LiveBlocks);
            Assert.Equal(blocks > 0, Heap.GetStatistics().LiveBytes > 0);
            Assert.Equal(_tag is null ? 0 : Heap.GetStatistics().LiveBytes, _tag?.LiveBytes ?? 0);
            Assert.Empty(Heap.Verify().Problems);
        }

        public void Dispose()
        {
            _profiler?.Dispose();
            Heap.Dispose();
            _tag?.Dispose();
        }
    }
}
#endif
