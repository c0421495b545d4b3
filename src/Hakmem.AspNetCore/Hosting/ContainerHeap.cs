using System;
using Microsoft.Extensions.Logging;

namespace Hakmem.AspNetCore.Hosting;

// The end of an isolated heap that a container owns. A host waits for its requests only so long; one that it has given
// up on may still use its blocks when the container is disposed, and must not find them unmapped.
//
// So the heap's own Dispose, which the container calls, leaves it alone while there are live blocks. It then stays
// usable as long as the process lives: a late request may free and allocate, and what is free decays as ever. This
// object only tells of it.
//
// A container disposes in the reverse order of making: the heap is taken from here, and so has its turn first; the
// logger's factory, which was made before, still works.
internal sealed partial class ContainerHeap(HakmemOptions options, ILoggerFactory? loggers) : IDisposable
{
    private readonly ILogger? _logger = loggers?.CreateLogger<HakmemAllocator>();

    public HakmemAllocator Heap { get; } = new(options) { DisposesOnlyUnused = true };

    public void Dispose()
    {
        // Whoever freed its last block between the heap's turn and this one has left nothing to tell.
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
        Message = "The service's own heap still has {LiveBlocks} blocks of {LiveBytes} bytes in all that were not freed when its container was " +
            "disposed: by a request that outlives the shutdown timeout, or leaked. The heap is left in place, so that they stay valid.")]
    private static partial void LogLeft(ILogger logger, long liveBlocks, long liveBytes);
}
