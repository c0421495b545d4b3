using System;
using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Adapters.Tests.Pipes;

// docs/migration.md names RecycleOwners for pipes: a pipe rents a segment for each few kilobytes that go through it.
public sealed class PipeGarbageTests
{
    private const int Blocks = 4_096;
    private const int BlockBytes = 4_096;

    [Fact]
    public async Task APipeOverAPoolThatRecyclesOwnersMakesAFractionOfTheGarbage()
    {
        using HakmemAllocator heap = new();
        using NativeMemoryPool plain = new(heap);
        using NativeMemoryPool recycling = new(heap, new NativeMemoryPoolOptions { RecycleOwners = true });
        long plainBytes = await GarbageOfAsync(plain);
        long recyclingBytes = await GarbageOfAsync(recycling);
        Assert.True(
            recyclingBytes * 4 < plainBytes, $"{recyclingBytes} bytes with RecycleOwners, {plainBytes} without.");
        Assert.Equal(0, recycling.GetStatistics().LateDisposeCount);
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    // The least of three tries: other threads allocate too. All calls complete at once, on this thread.
    private static async Task<long> GarbageOfAsync(NativeMemoryPool pool)
    {
        long least = long.MaxValue;
        for (int i = 0; i < 4; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            await PumpAsync(pool);
            least = i == 0 ? least : Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private static async Task PumpAsync(NativeMemoryPool pool)
    {
        Pipe pipe =
            new(new PipeOptions(pool, PipeScheduler.Inline, PipeScheduler.Inline, useSynchronizationContext: false));
        int wrong = 0;
        for (int i = 0; i < Blocks; i++)
        {
            pipe.Writer.GetSpan(BlockBytes)[..BlockBytes].Fill((byte)i);
            pipe.Writer.Advance(BlockBytes);
            await pipe.Writer.FlushAsync();
            ReadResult read = await pipe.Reader.ReadAsync();
            wrong += read.Buffer.FirstSpan[0] == (byte)i ? 0 : 1;
            pipe.Reader.AdvanceTo(read.Buffer.End);
        }

        await pipe.Writer.CompleteAsync();
        await pipe.Reader.CompleteAsync();
        Assert.Equal(0, wrong);
    }
}
