using System;
using System.Buffers;
using System.Threading.Tasks;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Buffers of which so many may be out at a time: who comes later waits. Thread-safe.</summary>
internal interface IBufferQueue : IDisposable
{
    /// <summary>Rents a buffer as soon as there is room for it. Its disposal gives the room to the next.</summary>
    /// <param name="byteCount">The least length in bytes.</param>
    ValueTask<IMemoryOwner<byte>> RentAsync(int byteCount);
}
