using System;
using System.Buffers;
using System.Collections.Generic;
using System.Threading;

namespace Hakmem.TraceRecording;

/// <summary>What was uploaded last, in rented buffers; the oldest go first.</summary>
/// <param name="capacityBytes">How many bytes are kept.</param>
internal sealed class UploadCache(long capacityBytes) : IDisposable
{
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly Queue<(IMemoryOwner<byte> Owner, int ByteCount)> _entries = new();
    private long _bytes;

    public void Add(IMemoryOwner<byte> owner, int byteCount)
    {
        lock (_lock)
        {
            _entries.Enqueue((owner, byteCount));
            _bytes += byteCount;
        }

        Shrink(capacityBytes);
    }

    /// <summary>Drops the oldest until no more than some bytes are left.</summary>
    public void Shrink(long byteCount)
    {
        lock (_lock)
        {
            while (_bytes > byteCount)
            {
                (IMemoryOwner<byte> owner, int bytes) = _entries.Dequeue();
                _bytes -= bytes;
                owner.Dispose();
            }
        }
    }

    public void Dispose() => Shrink(0);
}
