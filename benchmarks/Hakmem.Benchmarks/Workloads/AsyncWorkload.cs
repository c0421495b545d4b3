using System.Threading.Tasks;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Several tasks at a time each rent a buffer, await, and return it on whatever thread they resume on: the pattern of a web
/// server's request, in which "the thread that allocated" stops meaning anything.
/// </summary>
internal sealed class AsyncWorkload : Workload
{
    private const int BufferBytes = 4096;

    // Several for each processor, so that threads have something of others' to pick up.
    private const int TaskCount = 16;

    public AsyncWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody? ForAllocator<T>() => ForBuffer<BlockBuffer<T>>();

    public override WorkloadBody? ForBuffer<T>() => operations =>
    {
        long perTask = (operations + TaskCount - 1) / TaskCount;
        Task[] tasks = new Task[TaskCount];
        for (int i = 0; i < TaskCount; i++)
        {
            tasks[i] = Task.Run(() => ServeAsync<T>(perTask));
        }

        Task.WaitAll(tasks);
        return perTask * TaskCount;
    };

    private static async Task ServeAsync<T>(long requests)
        where T : struct, IBufferSubject<T>
    {
        for (long i = 0; i < requests; i++)
        {
            T buffer = T.Rent(BufferBytes);
            buffer.Touch(BufferBytes);
            await Task.Yield();
            buffer.Touch(BufferBytes);
            buffer.Return();
        }
    }
}
