using System;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Hosting;

// Publishes the figures of the container's heap and pool while the host runs. A registration that the service made by
// itself goes on beside it, with a name of its own.
internal sealed class MetricsPublication(IServiceProvider services, IOptions<HakmemServiceOptions> options)
    : IHostedService
{
    private IDisposable? _heap;
    private IDisposable? _pool;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Metrics)
        {
            HakmemAllocator heap = services.GetRequiredService<HakmemAllocator>();
            string? name = options.Value.MetricsName;
            name = !string.IsNullOrEmpty(name) ? name
                : ReferenceEquals(heap, HakmemAllocator.Shared) ? "shared" : "service";
            _heap = HakmemMetrics.Register(heap, name);
            _pool = HakmemMetrics.RegisterPool(services.GetRequiredService<NativeMemoryPool>(), name);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _heap?.Dispose();
        _pool?.Dispose();
        return Task.CompletedTask;
    }
}
