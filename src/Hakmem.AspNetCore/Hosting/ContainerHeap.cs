using System;
using Microsoft.Extensions.Logging;

namespace Hakmem.AspNetCore.Hosting;

// Owns the isolated heap of a container and logs a warning if the container cannot dispose it. A host waits a limited
// time for its requests; a request that it gave up may still use its blocks when the container is disposed, and must
// not find them unmapped.
//
// So the heap's own Dispose, which the container calls, leaves the heap as it is while there are live blocks. The heap
// then stays usable as long as the process lives: a late request may free and allocate, and free memory decays as
// before.
//
// A container disposes in the reverse order of creation. It disposes the heap, which it resolved from this object,
// before this object, and the logger factory, which was created earlier, after both.
internal sealed partial class ContainerHeap(HakmemOptions options, ILoggerFactory? loggers) : IDisposable
{
    private readonly ILogger? _logger = loggers?.CreateLogger<HakmemAllocator>();

    public HakmemAllocator Heap { get; } = new(options) { DisposesOnlyUnused = true };

    public void Dispose()
    {
        // The last block may have been freed after the container tried to dispose the heap.
        if (_logger is null || Heap.TryDispose())
        {
            return;
        }

        HakmemStatistics statistics = Heap.GetStatistics();
        LogLeft(_logger, statistics.LiveBlocks, statistics.LiveBytes);
    }

    [LoggerMessage(
        EventId = 1,
        EventName = "HeapLeftInUse",
        Level = LogLevel.Warning,
        Message = "The service's own heap still has {LiveBlocks} live blocks of {LiveBytes} bytes in all after its " +
            "container was disposed. A request that outlives the shutdown timeout holds them, or they have leaked. " +
            "The heap stays in place, so that the blocks stay valid.")]
    private static partial void LogLeft(ILogger logger, long liveBlocks, long liveBytes);
}
