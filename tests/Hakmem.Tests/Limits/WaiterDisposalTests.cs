using System;
using System.Buffers;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Limits;

// What waits for room is tried on threads of the library's, of which whoever disposes a heap or a writer knows nothing.
[Category(TestCategory.Stress)]
public sealed class WaiterDisposalTests
{
    public enum Kind
    {
        Writer,
        WriterOfTag,
        WriterOfRegion,
        Rental,
        RentalOfTag,
        RentalOfRegion,
    }

    private const int MiB = 1 << 20;

    private static readonly TimeSpan s_forever = Timeout.InfiniteTimeSpan;

    // Far above what anything here takes; if it is over, the test has failed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    // How long a disposal is given to do what it should not.
    private static readonly TimeSpan s_chance = TimeSpan.FromMilliseconds(200);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    // A disposal must not run beside a call of the heap.
    [Theory]
    [InlineData(Kind.Writer, false)]
    [InlineData(Kind.WriterOfTag, false)]
    [InlineData(Kind.WriterOfRegion, false)]
    [InlineData(Kind.Rental, false)]
    [InlineData(Kind.RentalOfTag, false)]
    [InlineData(Kind.Rental, true)]
    [InlineData(Kind.RentalOfTag, true)]
    public async Task TheDisposalOfAHeapWaitsForATryThatIsInIt(Kind kind, bool isOnlyUnused)
    {
        using TestArena arena = new();
        HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB }, arena.Arena)
        {
            DisposesOnlyUnused = isOnlyUnused,
        };
        using MemoryTag tag = new("waits");
        using MemoryRegion region = heap.CreateRegion(new MemoryRegionOptions { IsShared = true });
        IHakmemAllocator allocator = kind switch
        {
            Kind.WriterOfTag or Kind.RentalOfTag => heap.ForTag(tag),
            Kind.WriterOfRegion => region.AsAllocator(),
            _ => heap,
        };
        using NativeBufferWriter<byte>? writer =
            kind is Kind.Rental or Kind.RentalOfTag ? null : new NativeBufferWriter<byte>(allocator);
        using NativeMemoryPool pool = new(allocator);
        Task waiting = writer is null
            ? pool.RentAsync(10 * MiB, s_forever, Test).AsTask()
            : writer.GetMemoryAsync(10 * MiB, s_forever, Test).AsTask();
        Assert.False(waiting.IsCompleted);

        Thread? disposer = null;
        bool wasDisposed = false;
        using ManualResetEvent begun = new(false);
        arena.Os.Refuse(call =>
        {
            if (call == OsCall.Commit && disposer is null)
            {
                disposer = new Thread(heap.Dispose) { IsBackground = true };
                disposer.Start();
                wasDisposed = SpinWait.SpinUntil(() => heap.IsDisposed, s_chance);
                begun.Set();
            }

            return false;
        });
        heap.SetLimits(0, 64 * MiB);
        Assert.True(begun.WaitOne(s_patience), $"No try has begun; waiting: {waiting.Status}.");
        Assert.False(wasDisposed);
        Assert.True(disposer!.Join(s_patience), "The heap's disposal does not end.");
        Assert.Equal(!isOnlyUnused, heap.IsDisposed);
        Exception? end = await Record.ExceptionAsync(() => waiting.WaitAsync(s_patience, Test));
        if (isOnlyUnused)
        {
            Assert.Null(end);
            (await (Task<IMemoryOwner<byte>>)waiting).Dispose();
            Assert.True(heap.TryDispose());
        }
        else
        {
            // The one try may have been enough.
            Assert.True(end is null or ObjectDisposedException, $"{end}");
        }
    }

    // Its caller no longer waits when a try has its memory: that is freed, while the heap is being disposed.
    [Theory]
    [InlineData(Kind.Rental, false)]
    [InlineData(Kind.RentalOfTag, false)]
    [InlineData(Kind.RentalOfRegion, false)]
    [InlineData(Kind.Writer, false)]
    [InlineData(Kind.Writer, true)]
    [InlineData(Kind.WriterOfTag, true)]
    [InlineData(Kind.WriterOfRegion, true)]
    public async Task TheDisposalOfAHeapEndsBesideATryForNobody(Kind kind, bool isPinned)
    {
        using TestArena arena = new();
        HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB }, arena.Arena);
        using MemoryTag tag = new("waits");
        using MemoryRegion region = heap.CreateRegion(new MemoryRegionOptions { IsShared = true });
        IHakmemAllocator allocator = kind switch
        {
            Kind.WriterOfTag or Kind.RentalOfTag => heap.ForTag(tag),
            Kind.WriterOfRegion or Kind.RentalOfRegion => region.AsAllocator(),
            _ => heap,
        };
        using CancellationTokenSource cancellation = new();
        using NativeMemoryPool pool = new(allocator);
        NativeBufferWriter<byte> writer = new(allocator);
        writer.Write("written"u8);
        using MemoryHandle pin = isPinned ? writer.WrittenMemory.Pin() : default;
        bool isRental = kind is Kind.Rental or Kind.RentalOfTag or Kind.RentalOfRegion;
        Task waiting = isRental
            ? pool.RentAsync(10 * MiB, s_forever, cancellation.Token).AsTask()
            : writer.GetMemoryAsync(10 * MiB, s_forever, cancellation.Token).AsTask();
        Thread ender = new(isRental ? cancellation.Cancel : writer.Dispose) { IsBackground = true };
        Thread disposer = new(() =>
        {
            // A writer's disposal is a call of the heap: where it waits for the try, the heap's comes after it.
            ender.Join();
            heap.Dispose();
        })
        {
            IsBackground = true,
        };
        using ManualResetEvent begun = new(false);
        arena.Os.Refuse(call =>
        {
            if (call == OsCall.Commit && !begun.WaitOne(0))
            {
                ender.Start();
                ender.Join(s_chance);
                disposer.Start();
                disposer.Join(s_chance);
                begun.Set();
            }

            return false;
        });
        heap.SetLimits(0, 64 * MiB);
        Assert.True(begun.WaitOne(s_patience), $"No try has begun; waiting: {waiting.Status}.");
        Assert.True(ender.Join(s_patience), "The cancellation, or the writer's disposal, does not end.");
        Assert.True(disposer.Join(s_patience), "The heap's disposal does not end.");
        Assert.True(heap.IsDisposed);
        Exception? end = await Record.ExceptionAsync(() => waiting.WaitAsync(s_patience, Test));
        Assert.True(end is null or OperationCanceledException or ObjectDisposedException, $"{end}");
    }

    // Pinned memory is copied under no lock; else the disposal waits for the block's.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AWriterThatIsDisposedDuringATryIsFreed(bool isPinned)
    {
        using TestArena arena = new();
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB }, arena.Arena);
        NativeBufferWriter<byte> writer = new(heap);
        writer.Write("written"u8);
        MemoryHandle pin = isPinned ? writer.WrittenMemory.Pin() : default;
        Task waiting = writer.GetMemoryAsync(10 * MiB, s_forever, Test).AsTask();
        Thread disposer = new(writer.Dispose) { IsBackground = true };
        bool hasBegun = false;
        arena.Os.Refuse(call =>
        {
            if (call == OsCall.Commit && !hasBegun)
            {
                hasBegun = true;
                disposer.Start();
                disposer.Join(s_chance);
            }

            return false;
        });
        heap.SetLimits(0, 64 * MiB);
        Exception? end = await Record.ExceptionAsync(() => waiting.WaitAsync(s_patience, Test));
        Assert.True(disposer.Join(s_patience), "The writer's disposal does not end.");
        Assert.True(end is ObjectDisposedException || (end is null && !isPinned), $"{end}");
        Assert.Equal((0, 0), (writer.Capacity, writer.WrittenCount));
        pin.Dispose();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // Without a gate, for what no gate is at.
    [Fact]
    public async Task WritersThatAreDisposedWhileTheyWaitAreFreed()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 * MiB });
        for (int round = 0; round < 2_000; round++)
        {
            NativeBufferWriter<byte> writer = new(heap);
            NativeArray<byte> taken = new(heap, 5 * MiB);
            using MemoryHandle pin = round % 3 == 0 ? writer.GetMemory().Pin() : default;
            Task waiting = writer.GetMemoryAsync(3 * MiB, s_forever, Test).AsTask();
            taken.Dispose();
            Thread.SpinWait(round % 100 * 20);
            writer.Dispose();
            Exception? end = await Record.ExceptionAsync(() => waiting.WaitAsync(s_patience, Test));
            Assert.True(end is null or ObjectDisposedException, $"{end}");
            Assert.Equal((0, 0), (writer.Capacity, writer.WrittenCount));
        }

        heap.SetLimits(0, 0);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HeapsThatAreDisposedWhileSomethingWaitsAreGone(bool isRental)
    {
        for (int round = 0; round < 60; round++)
        {
            HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 * MiB });
            using NativeBufferWriter<byte> writer = new(heap);
            using NativeMemoryPool pool = new(heap);
            NativeArray<byte> taken = new(heap, 5 * MiB);
            Task[] waiting = new Task[3];
            for (int i = 0; i < waiting.Length; i++)
            {
                waiting[i] = isRental || i > 0
                    ? pool.RentAsync(3 * MiB, s_forever, Test).AsTask()
                    : writer.GetMemoryAsync(3 * MiB, s_forever, Test).AsTask();
            }

            taken.Dispose();
            Thread.SpinWait(round % 100 * 20);
            heap.Dispose();
            foreach (Task each in waiting)
            {
                Exception? end = await Record.ExceptionAsync(() => each.WaitAsync(s_patience, Test));
                Assert.True(end is null or ObjectDisposedException, $"{end}");
            }
        }
    }
}
