using System;
using System.Buffers;
using System.Threading;

namespace Hakmem.Benchmarks.Traces.Recording;

/// <summary>Records the rentals of another pool, as allocations of as many bytes as were asked for.</summary>
/// <param name="inner">The pool that serves them; disposed with this one.</param>
/// <param name="recorder">Where they are recorded.</param>
internal sealed class RecordingMemoryPool(MemoryPool<byte> inner, TraceRecorder recorder) : MemoryPool<byte>
{
    /// <inheritdoc/>
    public override int MaxBufferSize => inner.MaxBufferSize;

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        IMemoryOwner<byte> owner = inner.Rent(minBufferSize);
        int byteCount = minBufferSize < 0 ? owner.Memory.Length : minBufferSize;
        return new RecordingOwner(owner, recorder, recorder.Allocated(byteCount));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }
    }

    private sealed class RecordingOwner(IMemoryOwner<byte> inner, TraceRecorder recorder, int block)
        : IMemoryOwner<byte>
    {
        private int _isReturned;

        public Memory<byte> Memory => inner.Memory;

        // Disposed twice, it is recorded once; what the second time means is the pool's affair.
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isReturned, 1) == 0)
            {
                recorder.Freeing(block);
            }

            inner.Dispose();
        }
    }
}
