using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Limits;

// Writers that wait for room in order of arrival.
public sealed class WriterWaitTests
{
    private const int MiB = 1 << 20;

    private static readonly TimeSpan s_forever = Timeout.InfiniteTimeSpan;

    // Far above what anything here takes; if it is over, the test has failed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AWriterWithRoomDoesNotWait()
    {
        using HakmemAllocator heap = new();
        using NativeBufferWriter<int> writer = new(heap, 16);
        Task<Memory<int>> room = writer.GetMemoryAsync(16, TimeSpan.Zero, Test).AsTask();
        Assert.True(room.IsCompletedSuccessfully);
        Assert.Equal(16, (await room).Length);
        writer.Advance(16);
        Assert.InRange((await writer.GetMemoryAsync(1_000, TimeSpan.Zero, Test)).Length, 1_000, int.MaxValue);
    }

    [Fact]
    public async Task WritersAreServedInOrderOfArrivalAndKeepTheirContents()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 * MiB });
        using NativeBufferWriter<byte> first = Filled(heap);
        using NativeBufferWriter<byte> second = Filled(heap);
        NativeArray<byte> taken = new(heap, 11 * MiB / 2);
        Task<Memory<byte>> large = first.GetMemoryAsync(3 * MiB, s_forever, Test).AsTask();
        Task<Memory<byte>> small = second.GetMemoryAsync(100_000, s_forever, Test).AsTask();

        // There is room for the second, which has to wait for the first.
        await Task.Delay(100, Test);
        Assert.False(large.IsCompleted || small.IsCompleted);
        taken.Dispose();
        Assert.InRange((await large.WaitAsync(s_patience, Test)).Length, 3 * MiB, int.MaxValue);
        Assert.InRange((await small.WaitAsync(s_patience, Test)).Length, 100_000, int.MaxValue);
        Assert.Equal(Contents, first.WrittenSpan.ToArray());
        Assert.Equal(Contents, second.WrittenSpan.ToArray());
        Assert.False(heap.RoomQueue.IsAnyWaiting);
    }

    // The first is served where the memory comes back by the heap's own Free, which tells nobody.
    [Fact]
    public async Task MemoryThatIsFreedElsewhereIsSeen()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 * MiB });
        using NativeBufferWriter<byte> writer = Filled(heap);
        nint taken = Take(heap, 11 * MiB / 2);
        Task<Memory<byte>> waiting = writer.GetMemoryAsync(3 * MiB, s_forever, Test).AsTask();
        Assert.False(waiting.IsCompleted);
        Free(heap, taken);
        await waiting.WaitAsync(s_patience, Test);
    }

    [Fact]
    public async Task ARaisedLimitServesWhoWaits()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB });
        using NativeBufferWriter<byte> writer = Filled(heap);
        using NativeMemoryPool pool = new(heap);
        Task<Memory<byte>> waiting = writer.GetMemoryAsync(10 * MiB, s_forever, Test).AsTask();
        Task<System.Buffers.IMemoryOwner<byte>> rental = pool.RentAsync(10 * MiB, s_forever, Test).AsTask();
        Assert.False(waiting.IsCompleted || rental.IsCompleted);
        heap.SetLimits(0, 64 * MiB);
        await waiting.WaitAsync(s_patience, Test);
        (await rental.WaitAsync(s_patience, Test)).Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AWaitInVainChangesNothingAndIsOneRefusal(bool isTag)
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = isTag ? 0 : 4 * MiB });
        using MemoryTag tag = new("tag", null, 0, isTag ? 3 * MiB : 0);
        IHakmemAllocator allocator = isTag ? heap.ForTag(tag) : heap;
        using NativeBufferWriter<byte> writer = Filled(allocator);
        Task<Memory<byte>> waiting = writer.GetMemoryAsync(5 * MiB, TimeSpan.FromMilliseconds(200), Test).AsTask();
        await Assert.ThrowsAsync<TimeoutException>(() => waiting.WaitAsync(s_patience, Test));
        Assert.Equal(1, heap.GetStatistics().RefusedAllocations);
        Assert.Equal(isTag ? 1 : 0, tag.RefusedCount);
        Assert.Equal(Contents, writer.WrittenSpan.ToArray());

        using CancellationTokenSource source = new();
        Task<Memory<byte>> cancelled = writer.GetMemoryAsync(5 * MiB, s_forever, source.Token).AsTask();
        Assert.False(cancelled.IsCompleted);
        await source.CancelAsync();
        OperationCanceledException end = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => cancelled.WaitAsync(s_patience, Test));
        Assert.Equal(source.Token, end.CancellationToken);
        Assert.True(Room(writer, 1, s_forever, source.Token).IsCanceled);
        Assert.Equal(Contents, writer.WrittenSpan.ToArray());
        Assert.InRange((await writer.GetMemoryAsync(1 * MiB, TimeSpan.Zero, Test)).Length, 1 * MiB, int.MaxValue);
    }

#if DEBUG && NET
    // The wait has joined the line when there is no managed memory for the rest of it, and no code of its own runs
    // then.
    [Fact]
    public async Task AWaitThatCannotGoOnLeavesTheLine()
    {
        RoomQueue queue = new();
        ManagedMemory.RefuseNth(1);
        await Assert.ThrowsAsync<OutOfMemoryException>(
            () => queue.WaitAsync(() => false, () => false, -1, CancellationToken.None));
        Assert.Equal(0, ManagedMemory.RefuseNth(0));
        Assert.False(queue.IsAnyWaiting);
        Assert.True(await queue.WaitAsync(() => true, () => false, -1, Test).WaitAsync(s_patience, Test));
    }
#endif

    [Fact]
    public async Task WhoGivesUpLetsTheNextIn()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB });
        using NativeBufferWriter<byte> first = Filled(heap);
        using NativeBufferWriter<byte> second = Filled(heap);
        using CancellationTokenSource source = new();
        Task<Memory<byte>> large = first.GetMemoryAsync(10 * MiB, s_forever, source.Token).AsTask();
        Task<Memory<byte>> small = second.GetMemoryAsync(100_000, s_forever, Test).AsTask();
        Assert.False(small.IsCompleted);
        await source.CancelAsync();
        await small.WaitAsync(s_patience, Test);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheDisposalOfWriterOrHeapEndsTheWait(bool isHeap)
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB });
        using NativeBufferWriter<byte> writer = Filled(heap);
        Task<Memory<byte>> waiting = writer.GetMemoryAsync(10 * MiB, s_forever, Test).AsTask();
        Assert.False(waiting.IsCompleted);
        ((IDisposable)(isHeap ? heap : writer)).Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(s_patience, Test));
        Assert.Throws<ObjectDisposedException>(() => { _ = Room(writer, 1, s_forever, Test); });
    }

    // However long those before it wait.
    [Fact]
    public async Task TheDisposalOfAWriterInLineEndsItsWait()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 * MiB });
        using NativeBufferWriter<byte> first = Filled(heap);
        NativeBufferWriter<byte> second = Filled(heap);
        using CancellationTokenSource source = new();
        Task<Memory<byte>> before = first.GetMemoryAsync(10 * MiB, s_forever, source.Token).AsTask();
        Task<Memory<byte>> waiting = second.GetMemoryAsync(10 * MiB, s_forever, Test).AsTask();
        second.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(s_patience, Test));
        Assert.False(before.IsCompleted);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => before);
    }

    [Fact]
    public void BadArgumentsThrowAtOnce()
    {
        using HakmemAllocator heap = new();
        using NativeBufferWriter<byte> writer = Filled(heap);
        Assert.Throws<ArgumentException>(() => { _ = Room(writer, -1, s_forever, Test); });
        Assert.Throws<ArgumentOutOfRangeException>(
            () => { _ = Room(writer, 1, TimeSpan.FromMilliseconds(-2), Test); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = Room(writer, 1, TimeSpan.MaxValue, Test); });
        Assert.Throws<OutOfMemoryException>(() => { _ = Room(writer, int.MaxValue, s_forever, Test); });
        Assert.Equal(Contents, writer.WrittenSpan.ToArray());
    }

    // The timer goes on, however fast others arrive; else neither the first nor the end of its time would be seen.
    [Fact]
    public async Task ArrivalsPutOffNoTick()
    {
        int ticks = 0;
        PollTimer timer = new(() => Interlocked.Increment(ref ticks), () => true, null);
        DateTime end = DateTime.UtcNow + s_patience;
        while (Volatile.Read(ref ticks) < 3 && DateTime.UtcNow < end)
        {
            Assert.True(timer.TryUpdate());
            await Task.Yield();
        }

        timer.End();
        Assert.True(ticks >= 3);
    }

    // Many writers of which few fit at a time: all are served, none in vain, and cancelled ones leave nothing.
    [Fact]
    public async Task WritersThatRaceForRoomAreAllServed()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 16 * MiB });
        int served = 0;
        int cancelled = 0;
        IEnumerable<Task> all = Enumerable.Range(0, 60).Select(index => Task.Run(
            async () =>
            {
                Random random = new(index);
                using NativeBufferWriter<byte> writer = Filled(heap);
                using CancellationTokenSource source = new();
                if (index % 7 == 0)
                {
                    source.CancelAfter(random.Next(20));
                }

                try
                {
                    Memory<byte> room = await writer.GetMemoryAsync(random.Next(2, 5) * MiB, s_forever, source.Token);
                    room.Span[^1] = 1;
                    await Task.Yield();
                    Assert.Equal(Contents, writer.WrittenSpan.ToArray());
                    Interlocked.Increment(ref served);
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref cancelled);
                }
            },
            Test));
        await Task.WhenAll(all).WaitAsync(s_patience, Test);
        Assert.Equal(60, served + cancelled);
        Assert.InRange(served, 51, 60);
        Assert.False(heap.RoomQueue.IsAnyWaiting);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        HeapSoundness.Assert(heap);
    }

    private static byte[] Contents { get; } = [.. Enumerable.Range(0, 200).Select(i => (byte)(i * 7))];

    private static Task<Memory<byte>> Room(
        NativeBufferWriter<byte> writer, int sizeHint, TimeSpan timeout, CancellationToken cancellation) =>
        writer.GetMemoryAsync(sizeHint, timeout, cancellation).AsTask();

    private static NativeBufferWriter<byte> Filled(IHakmemAllocator allocator)
    {
        NativeBufferWriter<byte> writer = new(allocator);
        writer.Write(Contents);
        return writer;
    }

    private static unsafe nint Take(HakmemAllocator heap, nuint bytes) => (nint)heap.Alloc(bytes);

    private static unsafe void Free(HakmemAllocator heap, nint block) => heap.Free((void*)block);
}
