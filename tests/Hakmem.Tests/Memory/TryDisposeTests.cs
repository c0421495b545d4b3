using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.Api;
using Hakmem.Guarded;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// The end of a heap whose users may not be done.
public sealed unsafe class TryDisposeTests
{
    private const int HeldBytes = 3_000;

    [Theory]
    [InlineData(1)]
    [InlineData(5_000)]
    [InlineData(100_000)]
    [InlineData(3 << 20)]
    [InlineData(40 << 20)]
    public void HeapWithALiveBlockStaysUsable(int bytes)
    {
        HakmemAllocator heap = new();
        byte* block = (byte*)heap.Alloc((nuint)bytes);
        block[bytes - 1] = 0x5A;
        Assert.False(heap.TryDispose());
        Assert.Equal(0x5A, block[bytes - 1]);
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        heap.Free(heap.Alloc(64));
        Workers.RunOne(() => heap.Free(block));
        Assert.True(heap.TryDispose());
        Assert.Throws<ObjectDisposedException>(() => heap.Free(heap.Alloc(64)));
        Assert.True(heap.TryDispose());
        heap.Dispose();
    }

    [Fact]
    public void DisposeThatIsForUnusedHeapsLeavesALiveBlock()
    {
        HakmemAllocator heap = new() { DisposesOnlyUnused = true };
        byte* block = (byte*)heap.Alloc(1_000);
        heap.Dispose();
        block[999] = 1;
        heap.Free(block);
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(heap.GetStatistics);
    }

    [Fact]
    public void SharedHeapIsNotDisposed() => Assert.Throws<InvalidOperationException>(() => HakmemAllocator.Shared.TryDispose());

    // Threads that hold a block each and go on, while another one tries: none loses its block, and none a call for
    // good.
    [Fact]
    public void TriesBesideCallsTakeNobodysBlock() => Seeded.Run(seed =>
    {
        using HakmemAllocator heap = new();
        byte* first = AllocMarked(heap);
        byte* second = AllocMarked(heap);
        bool isOver = false;
        Workers.Run(3, worker =>
        {
            if (worker == 0)
            {
                for (int i = 0; i < 2_000; i++)
                {
                    Assert.False(heap.TryDispose());
                }

                Volatile.Write(ref isOver, true);
                return;
            }

            Random random = new(seed + worker);
            byte* held = worker == 1 ? first : second;
            while (!Volatile.Read(ref isOver))
            {
                AllocateAndFree(heap, random.Next(1, 20_000));
                Assert.Equal(-1, new Span<byte>(held, HeldBytes).IndexOfAnyExcept((byte)0x5A));
            }
        });
        Assert.Equal(2, heap.GetStatistics().LiveBlocks);
    });

    // Threads that try at once: none throws, and one of them disposes an unused heap.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TriesBesideEachOtherDisposeOnce(bool isTagged)
    {
        const int Threads = 3;
        const int Rounds = 1_000;
        using MemoryTag tag = new("tag");
        using Barrier barrier = new(Threads);
        HakmemAllocator[] heaps = new HakmemAllocator[Rounds];
        int[] done = new int[Rounds];
        ConcurrentQueue<ObjectDisposedException> failures = [];
        for (int round = 0; round < Rounds; round++)
        {
            heaps[round] = new HakmemAllocator();
            IHakmemAllocator view = isTagged ? heaps[round].ForTag(tag) : heaps[round];
            view.Free(view.Alloc(100));
        }

        Workers.Run(Threads, worker =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                barrier.SignalAndWait();
                Thread.SpinWait((round * worker) % 300);
                try
                {
                    if (heaps[round].TryDispose())
                    {
                        Interlocked.Increment(ref done[round]);
                    }
                }
                catch (ObjectDisposedException failure)
                {
                    failures.Enqueue(failure);
                }
            }
        });
        Assert.Empty(failures);
        Assert.All(done, count => Assert.InRange(count, 1, Threads));
        Assert.All(heaps, heap => Assert.True(heap.TryDispose()));
        Assert.Throws<ObjectDisposedException>(heaps[0].GetStatistics);
    }

    // The free of the last block, of which the count no longer knows, uses the heap's memory and records to its end.
    [Theory]
    [InlineData(HardeningLevel.Standard)]
    [InlineData(HardeningLevel.Full)]
    public void TriesBesideTheLastFreeWaitForItsEnd(HardeningLevel level)
    {
        const int Rounds = 2_000;
        HakmemOptions options = new() { Hardening = level, PurgeDelay = TimeSpan.Zero };
        HakmemAllocator[] heaps = new HakmemAllocator[Rounds];
        nint[] blocks = new nint[Rounds];
        using Barrier barrier = new(2);
        Workers.Run(2, worker =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                if (worker == 0)
                {
                    heaps[round] = new HakmemAllocator(options);
                    blocks[round] = (nint)heaps[round].Alloc(round % 2 == 0 ? 3u << 20 : 70_000u);
                }

                barrier.SignalAndWait();
                if (worker == 0)
                {
                    heaps[round].Free((void*)blocks[round]);
                }
                else
                {
                    while (!heaps[round].TryDispose())
                    {
                    }
                }

                barrier.SignalAndWait();
            }
        });
        Assert.All(heaps, heap => Assert.True(heap.IsDisposed));
    }

    // With full hardening: larger blocks came into the quarantine than left it in one batch. The first heap finds how
    // many blocks that takes, and the second one has no more.
    [Fact]
    public void ATryBesideAReleaseByTheLastFreeIsRefused()
    {
        const int SmallBlocks = 2_048;
        int count = SmallBlocks + 256;
        for (int round = 0; round < 2; round++)
        {
            using TestArena arena = new();
            HakmemOptions options = new() { Hardening = HardeningLevel.Full, QuarantineBytes = 48 << 10 };
            HakmemAllocator heap = new(options, arena.Arena);
            PoisonedBlocks quarantine = (PoisonedBlocks)heap.RequireHeap("This test").Quarantine!;
            nint[] blocks = new nint[count];
            for (int i = 0; i < count; i++)
            {
                blocks[i] = (nint)heap.Alloc(i < SmallBlocks ? 16u : 1_024u);
            }

            int freed = 0;
            int liveBlocks = -1;
            bool isDisposed = false;
            quarantine.OnRelease = () =>
            {
                count = Math.Min(count, freed + 1);
                liveBlocks = (int)heap.GetStatistics().LiveBlocks;
                Workers.RunOne(() => isDisposed |= heap.TryDispose());
            };
            for (; freed < blocks.Length; freed++)
            {
                heap.Free((void*)blocks[freed]);
            }

            Assert.False(isDisposed);
            Assert.True(heap.TryDispose());
            Assert.True(
                round == 0 ? liveBlocks > 0 : liveBlocks == 0, $"{liveBlocks} blocks were live in round {round}.");
        }
    }

    // Gated within the purge that follows the free.
    [Fact]
    public void ATryBesideThePurgeOfTheLastFreeWaitsForItsEnd()
    {
        using TestArena arena = new();
        HakmemAllocator heap = new(new HakmemOptions { LazyZero = LazyZeroMode.Immediate }, arena.Arena);
        void* block = heap.Alloc(3 << 20);
        heap.Free(heap.Alloc(3 << 20));
        bool isDisposed = false;
        Thread disposer = new(() => isDisposed = heap.TryDispose()) { IsBackground = true };
        bool hasBegun = false;
        arena.Os.Refuse(call =>
        {
            if (call == OsCall.Discard && !hasBegun)
            {
                hasBegun = true;
                disposer.Start();
                disposer.Join(200);
            }

            return false;
        });
        heap.Free(block);
        Assert.True(hasBegun);
        Assert.True(disposer.Join(60_000));
        Assert.True(isDisposed || heap.TryDispose());
        Assert.Equal(0, arena.CommittedBytes);
        Assert.Equal(0, arena.Arena.TakenBytes);
    }

    // An owner has given up its pointer when it frees: a try that will leave the heap as it is, because of a block that
    // came after its first count, must not refuse that.
    [Theory]
    [InlineData(100, false)]
    [InlineData(100, true)]
    [InlineData(100_000, false)]
    [InlineData(100_000, true)]
    public void AFreeIsNotRefusedByATry(int bytes, bool isTagged)
    {
        HakmemAllocator heap = new();
        using MemoryTag tag = new("tag");
        IHakmemAllocator view = isTagged ? heap.ForTag(tag) : heap;
        Exception? failure = null;
        void* block = null;
        Thread freer = new(() => failure = FailureOfFree(view, block)) { IsBackground = true };
        heap.OnTrying = isClosed =>
        {
            if (isClosed)
            {
                freer.Start();
                freer.Join(200);
            }
            else
            {
                block = view.Alloc((nuint)bytes);
            }
        };
        _ = heap.TryDispose();
        heap.OnTrying = null;
        Assert.True(freer.Join(60_000));
        Assert.Null(failure);
        Assert.True(heap.TryDispose());
    }

    // A handler that the deciding thread runs, such as one of FirstChanceException, must not wait for itself.
    [Fact]
    public void AFreeOfTheDecidingThreadIsRefused()
    {
        HakmemAllocator heap = new();
        void* block = null;
        Exception? failure = null;
        heap.OnTrying = isClosed =>
        {
            if (isClosed)
            {
                failure = FailureOfFree(heap, block);
            }
            else
            {
                block = heap.Alloc(100_000);
            }
        };
        Assert.False(heap.TryDispose());
        heap.OnTrying = null;
        Assert.IsType<ObjectDisposedException>(failure);
        heap.Free(block);
        Assert.True(heap.TryDispose());
    }

    // Its disposal waits for the decision, but not for its own thread's.
    [Fact]
    public void AnOwnersDisposalByTheDecidingThreadEnds()
    {
        HakmemAllocator heap = new();
        IMemoryOwner<byte>? owner = null;
        bool isOver = false;
        heap.OnTrying = isClosed =>
        {
            if (isClosed)
            {
                owner!.Dispose();
                isOver = true;
            }
            else
            {
                owner = heap.RentMemory<byte>(100_000);
            }
        };
        Thread disposer = new(() => heap.TryDispose()) { IsBackground = true };
        disposer.Start();
        Assert.True(disposer.Join(60_000));
        Assert.True(isOver);
        heap.OnTrying = null;
        heap.Dispose();
    }

    // A thread within a call may hold a block that the count does not see: the gate of its cache tells of it.
    [Fact]
    public void HeapThatAThreadIsWithinACallOfStaysUsable()
    {
        HakmemAllocator heap = new();
        void* block = heap.Alloc(64);
        int slot = PageMapEntry.Decode(ProcessArena.Instance!.EntryOf(block)).HeapSlot;
        heap.Free(block);
        ThreadCache* cache = CurrentThread.PeerOf(CurrentThread.Shared, slot);
        CacheGate.Close(cache);
        Assert.False(heap.TryDispose());
        CacheGate.Open(cache);
        heap.Free(heap.Alloc(64));
        Assert.True(heap.TryDispose());
    }

    // Where magazines change hands a block may be counted as free twice, and hide one that is held.
    [Theory]
    [InlineData(HardeningLevel.Standard)]
    [InlineData(HardeningLevel.Checked)]
    [InlineData(HardeningLevel.Full)]
    public void TriesBesideMagazinesThatMoveTakeNobodysBlock(HardeningLevel level)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = level });
        bool isOver = false;
        using CountdownEvent isHeld = new(2);
        Workers.Run(3, worker =>
        {
            if (worker == 0)
            {
                isHeld.Wait();
                for (int i = 0; i < 2_000; i++)
                {
                    Assert.False(heap.TryDispose());
                }

                Volatile.Write(ref isOver, true);
                return;
            }

            void* held = heap.Alloc(16);
            isHeld.Signal();
            void*[] blocks = new void*[600];
            while (!Volatile.Read(ref isOver))
            {
                for (int i = 0; i < blocks.Length; i++)
                {
                    blocks[i] = Retry(heap, null);
                }

                foreach (void* block in blocks)
                {
                    Retry(heap, block);
                }
            }

            heap.Free(held);
        });
        Assert.True(heap.TryDispose());
    }

    // Gives a block, or frees one.
    private static void* Retry(HakmemAllocator heap, void* block)
    {
        while (true)
        {
            try
            {
                if (block == null)
                {
                    return heap.Alloc(16);
                }

                heap.Free(block);
                return null;
            }
            catch (ObjectDisposedException)
            {
                Thread.Yield();
            }
        }
    }

    private static ObjectDisposedException? FailureOfFree(IHakmemAllocator heap, void* block)
    {
        try
        {
            heap.Free(block);
            return null;
        }
        catch (ObjectDisposedException failure)
        {
            return failure;
        }
    }

    private static byte* AllocMarked(HakmemAllocator heap)
    {
        byte* block = (byte*)heap.Alloc(HeldBytes);
        new Span<byte>(block, HeldBytes).Fill(0x5A);
        return block;
    }

    // Refused while a count beside the calls was wrong and the heap closed for a moment. The block is then freed as
    // soon as that is over.
    private static void AllocateAndFree(HakmemAllocator heap, int bytes)
    {
        void* block = null;
        for (bool isDone = false; !isDone;)
        {
            try
            {
                block = block == null ? heap.Alloc((nuint)bytes) : block;
                heap.Free(block);
                isDone = true;
            }
            catch (ObjectDisposedException)
            {
                Thread.Yield();
            }
        }
    }
}
