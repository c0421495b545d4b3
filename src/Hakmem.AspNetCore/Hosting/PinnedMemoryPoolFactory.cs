using System.Buffers;
using System.Diagnostics.Metrics;
using System.Threading;
using Microsoft.AspNetCore.Connections;

namespace Hakmem.AspNetCore.Hosting;

// The factory that Kestrel creates pools with, one for each I/O queue of each endpoint. They are views of one pool, so
// that all endpoints share its free blocks and its limit. Kestrel disposes them when it stops listening, which ends
// only the view.
//
// The first pool that is created publishes the framework's metrics, with the name of its owner. The figures are those
// of all views together, so later owners are not told apart. Thread-safe.
internal sealed class PinnedMemoryPoolFactory(PinnedMemoryPool pool, IMeterFactory? meterFactory = null)
    : IMemoryPoolFactory<byte>
{
    // Whether the metrics are published: 1 from the first pool on. Interlocked.
    private int _isPublished;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null)
    {
        if (meterFactory is not null && Interlocked.Exchange(ref _isPublished, 1) == 0)
        {
            _ = new FrameworkPoolMetrics(meterFactory, pool, options?.Owner);
        }

        return pool.CreateView();
    }
}
