using System;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.Tags;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Tags;

// Threads that race for a tag's room, and with the beginnings and ends of tags.
public sealed unsafe class TagRaceTests : IDisposable
{
    private const int Threads = 4;

    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    // Each round every thread takes until it is refused. Together they get exactly what there is room for.
    [Fact]
    public void ThreadsThatRaceForALimitGetAllOfItAndNoMore()
    {
        const int Blocks = 1_000;
        const int BlockBytes = 1_024;
        using MemoryTag root = new("root", null, 0, Blocks * BlockBytes);
        MemoryTag[] tags = [root, new("a", root), new("b", root), new("c", root)];
        for (int round = 0; round < 20; round++)
        {
            ConcurrentBag<nint> blocks = [];
            Workers.Run(Threads, index =>
            {
                IHakmemAllocator view = _heap.ForTag(tags[index]);
                while (view.TryAlloc(BlockBytes, out void* block))
                {
                    blocks.Add((nint)block);
                }
            });
            Assert.Equal(Blocks, blocks.Count);
            Assert.Equal(Blocks * BlockBytes, root.LiveBytes);
            Workers.Run(Threads, index =>
            {
                while (blocks.TryTake(out nint block))
                {
                    (index % 2 == 0 ? _heap : _heap.ForTag(root)).Free((void*)block);
                }
            });
            Assert.All(tags, tag => Assert.Equal(0, tag.LiveBytes));
        }

        Assert.Equal(Blocks * BlockBytes, root.PeakBytes);
        Array.ForEach(tags, tag => tag.Dispose());
    }

    // What the parent's first thread has allocated is not all passed on yet, what the second one has freed is: the
    // parent has less than nothing for a while.
    [Fact]
    public void AChildIsNotRefusedForItsParentsPendingBytes()
    {
        const int Blocks = 4_097;
        using MemoryTag parent = new("parent");
        using MemoryTag child = new("child", parent, hardBytes: 1 << 20);
        IHakmemAllocator view = _heap.ForTag(parent);
        nint[] blocks = new nint[Blocks];

        // The first thread lives until the end: its shard is its own.
        using ManualResetEventSlim isDone = new();
        using ManualResetEventSlim isOver = new();
        Thread allocator = new(() =>
        {
            for (int i = 0; i < Blocks; i++)
            {
                blocks[i] = (nint)view.Alloc(16);
            }

            isDone.Set();
            isOver.Wait();
        });
        allocator.Start();
        isDone.Wait(TestContext.Current.CancellationToken);
        Workers.RunOne(() => Array.ForEach(blocks, block => view.Free((void*)block)));
        bool isServed = _heap.ForTag(child).TryAlloc(64, out void* mine);
        _heap.Free(mine);
        isOver.Set();
        allocator.Join();
        Assert.True(isServed);
        Assert.Equal(0, child.RefusedCount);
    }

    // Tags come and go on every thread while blocks of theirs are freed on others.
    [Fact]
    public void TagsThatComeAndGoLeaveNothing()
    {
        using MemoryTag root = new("root");
        ConcurrentQueue<nint> blocks = new();
        Workers.Run(Threads, index =>
        {
            for (int i = 0; i < 2_000; i++)
            {
                using MemoryTag tag = new("tag", root, 0, i % 3 == 0 ? 10_000 : 0);
                IHakmemAllocator view = _heap.ForTag(tag);
                for (int k = 0; k < 5; k++)
                {
                    blocks.Enqueue((nint)view.Alloc((nuint)(i % 700)));
                }

                while (blocks.Count > 100 && blocks.TryDequeue(out nint block))
                {
                    _heap.Free((void*)block);
                }
            }
        });
        long live = 0;
        foreach (nint block in blocks)
        {
            live += (long)_heap.UsableSize((void*)block);
        }

        Assert.Equal(live, root.LiveBytes);
        foreach (nint block in blocks)
        {
            _heap.Free((void*)block);
        }

        Assert.Equal(0, root.LiveBytes);
        HeapSoundness.Assert(_heap);
    }

    // Its bytes are for a moment in no figure, where its size changes: the closed tag seems to have no block.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ATagThatIsClosedWhileItsLastBlockChangesItsSizeKeepsIt(bool isExpand)
    {
        MemoryTag tag = new("tag");
        TaggedAllocator view = (TaggedAllocator)_heap.ForTag(tag);
        void* block = isExpand ? view.Realloc(view.Alloc(33_000), 34_000) : view.Alloc(50_000);
        Assert.Equal(0, tag.Account.Budget.CommittedBytes);
        bool isPassed = false;
        view.Ledger.OnPass = () =>
        {
            isPassed = true;
            tag.Dispose();
        };
        block = isExpand && _heap.TryExpand(block, 140_000) ? block : _heap.Realloc(block, 140_000);
        Assert.True(isPassed);
        view.Ledger.OnPass = null;
        Assert.Equal((long)_heap.UsableSize(block), tag.LiveBytes);
        Assert.Equal("tag", Assert.Single(_heap.GetStatistics().Tags).Path);
        _heap.Free(block);
        Assert.Equal(0, tag.LiveBytes);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // One thread makes a block larger in place while others do the same, and ask for its size.
    [Fact]
    public void ThreadsThatExpandOneBlockCountItOnce()
    {
        using MemoryTag tag = new("tag", null, 0, 1L << 40);
        IHakmemAllocator view = _heap.ForTag(tag);
        for (int round = 0; round < 50; round++)
        {
            void* block = view.Realloc(view.Alloc(70_000), 80_000);
            Workers.Run(Threads, index =>
            {
                for (nuint bytes = 90_000; bytes < 1_500_000; bytes += 70_000)
                {
                    view.TryExpand(block, bytes + (nuint)index);
                }
            });
            Assert.Equal((long)view.UsableSize(block), tag.LiveBytes);
            view.Free(block);
            Assert.Equal(0, tag.LiveBytes);
        }
    }

    // A thread that always holds a block, now of one size and now of another, by the paths that take no lock: a count
    // that goes from class to class beside it sees none.
    [Fact]
    public void TryDisposeBesideSwappedBlocksKeepsTheHeap()
    {
        const nuint Large = 32_768;

        // Each is a barrier on all processors, which Wine takes milliseconds for.
        int disposals = OperatingSystem.IsWindows() ? 200 : 20_000;
        using MemoryTag tag = new("tag");
        HakmemAllocator heap = new();
        IHakmemAllocator view = heap.ForTag(tag);
        nint last = (nint)view.Alloc(64);
        bool isOver = false;
        Workers.Run(2, worker =>
        {
            if (worker == 0)
            {
                for (int i = 0; i < disposals; i++)
                {
                    Assert.False(heap.TryDispose());
                }

                Volatile.Write(ref isOver, true);
                return;
            }

            void* held = (void*)last;
            for (nuint bytes = Large; !Volatile.Read(ref isOver); bytes ^= Large ^ 64)
            {
                void* next = RetryAlloc(view, bytes);
                RetryFree(view, held);
                held = next;
            }

            last = (nint)held;
        });
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        view.Free((void*)last);
        Assert.True(heap.TryDispose());
    }

    // Threads that end pass what they have counted on to those that come after them.
    [Fact]
    public void FiguresOutliveTheirThreads()
    {
        using MemoryTag tag = new("tag");
        ConcurrentQueue<nint> blocks = new();
        for (int generation = 0; generation < 30; generation++)
        {
            Workers.Run(Threads, _ =>
            {
                for (int i = 0; i < 200; i++)
                {
                    blocks.Enqueue((nint)_heap.ForTag(tag).Alloc(1_024));
                    if (i % 2 == 0 && blocks.TryDequeue(out nint block))
                    {
                        _heap.Free((void*)block);
                    }
                }
            });
            Assert.Equal(blocks.Count * 1_024, tag.LiveBytes);
        }

        Assert.InRange(
            tag.PeakBytes, tag.LiveBytes, tag.LiveBytes + ((Threads + 1) * Hakmem.Tags.TagShard.MaxPendingBytes));
        while (blocks.TryDequeue(out nint block))
        {
            _heap.Free((void*)block);
        }

        Assert.Equal(0, tag.LiveBytes);
    }

    // A call is refused while a try has the heap closed.
    private static void* RetryAlloc(IHakmemAllocator view, nuint bytes)
    {
        while (true)
        {
            try
            {
                return view.Alloc(bytes);
            }
            catch (ObjectDisposedException)
            {
                Thread.Yield();
            }
        }
    }

    private static void RetryFree(IHakmemAllocator view, void* block)
    {
        while (true)
        {
            try
            {
                view.Free(block);
                return;
            }
            catch (ObjectDisposedException)
            {
                Thread.Yield();
            }
        }
    }
}
