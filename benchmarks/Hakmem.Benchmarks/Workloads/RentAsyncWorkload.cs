using System;
using System.Buffers;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Tasks that share room for the buffers of a few: each rents one, waiting for its turn where all room is taken,
/// awaits, and returns it. A service at its limit.
/// </summary>
internal sealed class RentAsyncWorkload(string name) : Workload(name)
{
    /// <summary>How many buffers may be out at a time.</summary>
    public const int MaxBuffers = 4;

    /// <summary>The length of each in bytes.</summary>
    public const int BufferBytes = 16 << 10;

    /// <summary>How many tasks want one.</summary>
    public const int TaskCount = 32;

    public override WorkloadBody ForQueue(Func<IBufferQueue> create) => operations =>
    {
        using IBufferQueue queue = create();
        long perTask = (operations + TaskCount - 1) / TaskCount;
        Task[] tasks = new Task[TaskCount];
        for (int i = 0; i < TaskCount; i++)
        {
            tasks[i] = Task.Run(() => ServeAsync(queue, perTask));
        }

        Task.WaitAll(tasks);
        return perTask * TaskCount;
    };

    private static async Task ServeAsync(IBufferQueue queue, long requests)
    {
        for (long i = 0; i < requests; i++)
        {
            using IMemoryOwner<byte> buffer = await queue.RentAsync(BufferBytes);
            Touch(buffer);
            await Task.Yield();
            Touch(buffer);
        }
    }

    private static void Touch(IMemoryOwner<byte> buffer)
    {
        Span<byte> bytes = buffer.Memory.Span;
        bytes[0] = 1;
        bytes[BufferBytes - 1] = 1;
    }
}
