using System;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem;

// The growth of a writer that waits for room: apart from NativeBufferWriter<T>, since unsafe code cannot await.
internal static class WriterGrowth
{
    public static async Task<Memory<T>> WaitAsync<T>(
        NativeBufferWriter<T> writer, RoomQueue queue, int sizeHint, int timeoutMs, CancellationToken cancellation)
        where T : unmanaged =>
        await queue
            .WaitAsync(() => writer.TryGrowLater(sizeHint), () => writer.IsGone, timeoutMs, cancellation)
            .ConfigureAwait(false)
            ? writer.RoomOfTry(sizeHint)
            : throw writer.GrowthTimedOut(sizeHint);
}
