using System.Buffers;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Ours: a pool with a cap, whose rentals wait in order of arrival.</summary>
internal sealed class PoolQueue(int maxBuffers, int bufferBytes) : IBufferQueue
{
    private readonly NativeMemoryPool _pool = new(
        HakmemAllocator.Shared, new NativeMemoryPoolOptions { MaxBytes = (long)maxBuffers * bufferBytes });

    public ValueTask<IMemoryOwner<byte>> RentAsync(int byteCount) =>
        _pool.RentAsync(byteCount, Timeout.InfiniteTimeSpan);

    public void Dispose() => _pool.Dispose();
}
