using System;

namespace Hakmem.AspNetCore.Hosting;

// The registrations of a container's heap and pool. A container disposes in the reverse order of creation, so that it
// ends them before the heap and the pool that this takes, whether or not the host was stopped. One for each container,
// which one thread at a time uses.
internal sealed class MetricsRegistrations(HakmemAllocator heap, NativeMemoryPool pool) : IDisposable
{
    private IDisposable? _heap;
    private IDisposable? _pool;

    // name: null or empty for the default.
    public void Begin(string? name)
    {
        string published = !string.IsNullOrEmpty(name) ? name
            : ReferenceEquals(heap, HakmemAllocator.Shared) ? "shared" : "service";
        _heap = HakmemMetrics.Register(heap, published);
        _pool = HakmemMetrics.RegisterPool(pool, published);
    }

    public void Dispose()
    {
        _heap?.Dispose();
        _pool?.Dispose();
    }
}
