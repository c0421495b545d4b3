using System;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem;

// The growth of a writer that waits for room: apart from NativeBufferWriter<T>, so that only a call that waits
// allocates what its lambdas share.
internal static class WriterGrowth
{
    public static Task<Memory<T>> WaitAsync<T>(
        NativeBufferWriter<T> writer, RoomQueue queue, int sizeHint, int timeoutMs, CancellationToken cancellation)
        where T : unmanaged => queue.WaitAsync(
            () => writer.TryGrowLater(sizeHint),
            () => writer.IsGone,
            isGrown => isGrown ? writer.RoomOfTry(sizeHint) : throw writer.GrowthTimedOut(sizeHint),
            timeoutMs,
            cancellation);
}
