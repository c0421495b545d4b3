using System;
using System.Buffers;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// What a program does without such a pool: a semaphore in front of <see cref="ArrayPool{T}.Shared"/>, and an owner
/// that gives back both.
/// </summary>
internal sealed class SemaphoreQueue(int maxBuffers) : IBufferQueue
{
    private readonly SemaphoreSlim _room = new(maxBuffers, maxBuffers);

    public async ValueTask<IMemoryOwner<byte>> RentAsync(int byteCount)
    {
        await _room.WaitAsync();
        return new Owner(_room, ArrayPool<byte>.Shared.Rent(byteCount));
    }

    public void Dispose() => _room.Dispose();

    private sealed class Owner(SemaphoreSlim room, byte[] array) : IMemoryOwner<byte>
    {
        private byte[]? _array = array;

        public Memory<byte> Memory => _array ?? throw new ObjectDisposedException(nameof(Owner));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _array, null) is { } rented)
            {
                ArrayPool<byte>.Shared.Return(rented);
                room.Release();
            }
        }
    }
}
