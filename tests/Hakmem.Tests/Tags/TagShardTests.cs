using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tags;
using Xunit;

namespace Hakmem.Tests.Tags;

// When a thread's shard of a tag leads to its cache of the tagged heap, and when it must not.
public sealed unsafe class TagShardTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AShardLeadsToItsThreadsCacheFromTheSecondCallOn()
    {
        using MemoryTag tag = new("tag");
        TaggedAllocator view = Attach(_heap, tag);
        ThreadCache* shared = CurrentThread.Shared;
        TagShard shard = view.Ledger.TryGetShard(shared)!;
        Assert.True(shard.IsAttached(shared));
        Assert.True(shard.Cache == view.Ledger.Heap.CacheOf(shared));
    }

    // A thread that adopts an ended one's cache of the shared heap has its shards too, by the number. What they lead to
    // may by then be a third thread's.
    //
    // isTrimmed: the ended thread's record is freed, so that the next thread has a new one with its number.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AShardDoesNotLeadToTheCacheOfAThreadThatHasEnded(bool isTrimmed)
    {
        using MemoryTag tag = new("tag");
        HashSet<int> numbers = [];
        int reused = 0;

        // Threads of other tests take numbers too.
        for (int i = 0; i < 1_000 && reused < 3; i++)
        {
            RunOnNewThread(() =>
            {
                // The thread gets its cache of the shared heap, and none of the tagged one.
                HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(16));
                TaggedAllocator view = (TaggedAllocator)_heap.ForTag(tag);
                ThreadCache* shared = CurrentThread.Shared;
                if (view.Ledger.TryGetShard(shared) is { } shard)
                {
                    reused++;
                    Assert.False(shard.IsAttached(shared));
                }

                Assert.True(Attach(_heap, tag).Ledger.TryGetShard(shared)!.IsAttached(shared));
                numbers.Add(shared->Number);
            });
            if (isTrimmed)
            {
                HakmemAllocator.Shared.Trim();
            }
        }

        Assert.True(reused == 3, $"No number was given out again: {string.Join(", ", numbers)}.");
        Assert.Equal(0, tag.LiveBytes);
    }

    [Fact]
    public void EachPlaceInARecordHasASize() =>
        Assert.InRange(PageMapEntry.PlaceOf(Stripe.MaxBins - 1), 0, TaggedHeap.MaxPlaces - 1);

    [Fact]
    public void AShardDoesNotLeadToTheCacheOfAHeapThatIsGone()
    {
        using MemoryTag tag = new("tag");
        HakmemAllocator heap = new();
        TaggedAllocator view = Attach(heap, tag);
        TagShard shard = view.Ledger.TryGetShard(CurrentThread.Shared)!;
        heap.Dispose();
        Assert.False(shard.IsAttached(CurrentThread.Shared));
        Assert.Throws<ObjectDisposedException>(() => view.Alloc(64));
    }

    [Fact]
    public void AnIsolatedHeapsEndHasOtherShardsLookAgain()
    {
        using MemoryTag tag = new("tag");
        TaggedAllocator view = Attach(_heap, tag);
        TagShard shard = view.Ledger.TryGetShard(CurrentThread.Shared)!;
        using (HakmemAllocator other = new())
        {
            other.Free(other.Alloc(64));
        }

        Assert.False(shard.IsAttached(CurrentThread.Shared));
        Attach(_heap, tag);
        Assert.True(shard.IsAttached(CurrentThread.Shared));
    }

    // Blocks that were allocated before can be freed for as long as they live.
    [Fact]
    public void AClosedTagsShardsLeadNowhereForGood()
    {
        MemoryTag tag = new("tag");
        TaggedAllocator view = Attach(_heap, tag);
        void* first = view.Alloc(64);
        void* second = view.Alloc(64);
        TagShard shard = view.Ledger.TryGetShard(CurrentThread.Shared)!;
        tag.Dispose();
        Assert.False(shard.IsAttached(CurrentThread.Shared));
        Assert.Throws<ObjectDisposedException>(() => view.Alloc(64));
        view.Free(first);
        Assert.False(shard.IsAttached(CurrentThread.Shared));
        Assert.Throws<ObjectDisposedException>(() => view.Alloc(64));
        view.Free(second);
        Assert.Equal(0, tag.LiveBytes);
    }

    // Through the allocator of another tag, with a limit or none, and from the thread's cache.
    [Theory]
    [InlineData(0)]
    [InlineData(1 << 20)]
    public void ABlockThatAnotherTagsAllocatorFreesLeavesItsTagOnce(long hardBytes)
    {
        using MemoryTag tag = new("tag", null, 0, hardBytes);
        using MemoryTag other = new("other");
        TaggedAllocator view = Attach(_heap, tag);
        TaggedAllocator otherView = Attach(_heap, other);
        void* live = view.Alloc(64);
        void* block = view.Alloc(64);
        while (!view.Ledger.Heap.TryFreeCachedOfAny(CurrentThread.Shared, block))
        {
            // Decay has closed the bin of a thread that did not run for long: the slow path opens it.
            view.Free(block);
            block = view.Alloc(64);
        }

        Assert.Equal(64, tag.LiveBytes);
        Assert.False(view.Ledger.Heap.TryFreeCachedOfAny(CurrentThread.Shared, block));
        Assert.Throws<HakmemCorruptionException>(() => otherView.Free(block));
        Assert.Equal(64, tag.LiveBytes);
        otherView.Free(live);
        Assert.Equal(0, tag.LiveBytes);
        Assert.Equal(0, other.LiveBytes);
    }

    // The figures of sizes on both sides of each bound of a class.
    [Fact]
    public void TheSteadyStateCountsWhatTheBlockHas()
    {
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = _heap.ForTag(tag);
        for (int sizeClass = 0; sizeClass < SizeClass.Count; sizeClass++)
        {
            foreach (int size in new[] { SizeClass.BytesOf(sizeClass), SizeClass.BytesOf(sizeClass) - 15 })
            {
                // Twice: the first may take the slow path.
                for (int i = 0; i < 2; i++)
                {
                    void* block = view.Alloc((nuint)size);
                    Assert.Equal((long)_heap.UsableSize(block), tag.LiveBytes);
                    view.Free(block);
                    Assert.Equal(0, tag.LiveBytes);
                }
            }
        }
    }

    private static TaggedAllocator Attach(HakmemAllocator heap, MemoryTag tag)
    {
        TaggedAllocator view = (TaggedAllocator)heap.ForTag(tag);
        for (int i = 0; i < 2; i++)
        {
            view.Free(view.Alloc(64));
        }

        return view;
    }

    private static void RunOnNewThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw new InvalidOperationException("The thread failed.", failure);
        }
    }
}
