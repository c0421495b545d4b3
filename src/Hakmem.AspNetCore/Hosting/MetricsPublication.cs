using System;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Hosting;

// Publishes the figures of the container's heap and pool while the host runs. A registration that the service made by
// itself goes on beside it, with a name of its own. A host that is disposed without a stop ends the publication by
// MetricsRegistrations.
internal sealed class MetricsPublication(IServiceProvider services, IOptions<HakmemServiceOptions> options)
    : IHostedService
{
    private MetricsRegistrations? _registrations;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Metrics)
        {
            _registrations = services.GetRequiredService<MetricsRegistrations>();
            _registrations.Begin(options.Value.MetricsName);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _registrations?.Dispose();
        return Task.CompletedTask;
    }
}
