using System;
using System.Buffers;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Benchmarks.Soak;

/// <summary>
/// A server's requests: each rents from the memory pool and allocates blocks, awaits (a yield, now and then a real wait), and gives back on
/// whatever thread it resumes. Many run at once.
/// </summary>
internal sealed class RequestsLoad(string name, SoakGate gate, int seed, SoakHeap heap, int concurrency) : SoakLoad(name, gate, seed)
{
    private readonly int _seed = seed;

    public override Task RunAsync(CancellationToken stop)
    {
        Task[] tasks = new Task[concurrency];
        for (int i = 0; i < concurrency; i++)
        {
            Random random = new(_seed + i);
            tasks[i] = Task.Run(() => ServeAsync(random, stop), CancellationToken.None);
        }

        return Task.WhenAll(tasks);
    }

    protected override void Step()
    {
    }

    protected override void Finish()
    {
    }

    private async Task ServeAsync(Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            IMemoryOwner<byte>? owner = null;
            SoakBlock rented = default;
            SoakBlock[] blocks = new SoakBlock[random.Next(1, 6)];
            Do(() =>
            {
                owner = NativeMemoryPool.Shared.Rent(random.Next(16, 70_000));
                rented = Enter(owner);
                for (int i = 0; i < blocks.Length; i++)
                {
                    heap.TryAlloc(RandomSize(random), zeroed: false, out blocks[i]);
                }
            });
            if (random.Next(200) == 0)
            {
                await Task.Delay(random.Next(1, 30), CancellationToken.None).ConfigureAwait(false);
            }
            else
            {
                await Task.Yield();
            }

            Do(() =>
            {
                heap.Forget(rented);
                owner!.Dispose();
                foreach (SoakBlock block in blocks)
                {
                    if (block != default)
                    {
                        heap.Free(block);
                    }
                }
            });
        }
    }

    private unsafe SoakBlock Enter(IMemoryOwner<byte> owner)
    {
        using MemoryHandle handle = owner.Memory.Pin();
        return heap.Adopt(handle.Pointer, (nuint)owner.Memory.Length);
    }
}
