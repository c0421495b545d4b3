using System;
using System.Buffers;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Limits;

// Those that wait for room under the container's limit.
public sealed class ContainerLimitTests
{
    private const long Limit = 200 << 20;

    [Fact]
    public async Task APartThatIsRaisedServesWhoWaits()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os, 20));
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        using NativeMemoryPool pool = new(heap);
        CancellationToken test = TestContext.Current.CancellationToken;
        Task<IMemoryOwner<byte>> rental =
            pool.RentAsync((int)(Limit / 2), Timeout.InfiniteTimeSpan, test).AsTask();
        using NativeBufferWriter<byte> writer = new(heap);
        Task<Memory<byte>> room =
            writer.GetMemoryAsync((int)(Limit / 4), Timeout.InfiniteTimeSpan, test).AsTask();
        Assert.False(rental.IsCompleted || room.IsCompleted);
        arena.SetLimitPercent(90);
        (await rental.WaitAsync(TimeSpan.FromSeconds(60), test)).Dispose();
        await room.WaitAsync(TimeSpan.FromSeconds(60), test);
    }
}
