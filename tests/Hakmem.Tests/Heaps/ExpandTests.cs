using System;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Heaps;

// Several threads may ask for more room in one block at once, because its pointer stays valid.
// The heaps have an arena of their own: in the process's, another test may have taken the room behind a block.
public sealed unsafe class ExpandTests : IDisposable
{
    private const int Rounds = 200;

    private readonly TestArena _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(HardeningLevel.Standard, 3 << 20)]
    [InlineData(HardeningLevel.Checked, 3 << 20)]
    [InlineData(HardeningLevel.Standard, 200 << 10)]
    [InlineData(HardeningLevel.Checked, 200 << 10)]
    public void ExpansionsAtOnceNeverTakeRoomBack(HardeningLevel hardening, int bytes)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = hardening }, _test.Arena);
        ConcurrentQueue<string> failures = new();
        int expanded = 0;
        for (int round = 0; round < Rounds; round++)
        {
            // Above 64 KiB Realloc makes a growable run of what grows.
            nint block = (nint)heap.Realloc(heap.Alloc((nuint)bytes / 2), (nuint)bytes);
            using Barrier barrier = new(2);
            Thread[] threads = [Expander((nuint)bytes * 2), Expander((nuint)bytes * 5)];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            heap.Free((void*)block);

            Thread Expander(nuint wanted) => new(() =>
            {
                try
                {
                    barrier.SignalAndWait();
                    if (heap.TryExpand((void*)block, wanted))
                    {
                        Interlocked.Increment(ref expanded);
                        if (heap.UsableSize((void*)block) < wanted)
                        {
                            failures.Enqueue(
                                $"{wanted} bytes were promised, and {heap.UsableSize((void*)block)} are there.");
                        }
                    }
                }
                catch (HakmemCorruptionException wrong)
                {
                    failures.Enqueue(wrong.Message);
                }
            });
        }

        Assert.Empty(failures);
        Assert.True(expanded > 0);
    }

    [Theory]
    [InlineData(HardeningLevel.Checked)]
    [InlineData(HardeningLevel.Full)]
    public void BlockIsLiveWhileItExpands(HardeningLevel hardening)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = hardening }, _test.Arena);
        nint block = (nint)heap.Alloc(100);
        bool isDone = false;
        Exception? failure = null;
        Thread expander = new(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                heap.TryExpand((void*)block, 50);
            }
        });
        expander.Start();
        try
        {
            for (int i = 0; i < 20_000; i++)
            {
                heap.UsableSize((void*)block);
                heap.TryExpand((void*)block, 60);
            }
        }
        catch (HakmemCorruptionException wrong)
        {
            failure = wrong;
        }

        Volatile.Write(ref isDone, true);
        expander.Join();
        Assert.Null(failure);
        heap.Free((void*)block);
    }

    [Fact]
    public void RunThatIsLargerStaysAsItIs()
    {
        using HakmemAllocator heap = new(new HakmemOptions(), _test.Arena);
        void* block = heap.Alloc(3 << 20);
        Assert.True(heap.TryExpand(block, 15 << 20));
        nuint usable = heap.UsableSize(block);
        Assert.True(heap.TryExpand(block, 5 << 20));
        Assert.Equal(usable, heap.UsableSize(block));
        heap.Free(block);
    }
}
