using System;
using System.Collections.Generic;
using System.Globalization;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Hakmem.AspNetCore.Hosting;

// Compares what a heap has committed with its limit, and what a pool has rented with its own. A heap at its limit
// still serves what its free memory allows, so it counts as degraded and not as unhealthy: to restart the service would
// lose its requests.
internal sealed class HakmemHealthCheck(
    HakmemAllocator heap, NativeMemoryPool pool, double degradedShare) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        HakmemStatistics statistics = heap.GetStatistics();
        NativeMemoryPoolStatistics rentals = pool.GetStatistics();
        Dictionary<string, object> data = new()
        {
            ["live"] = statistics.LiveBytes,
            ["committed"] = statistics.CommittedBytes,
            ["limit"] = statistics.LimitBytes,
            ["refused"] = statistics.RefusedAllocations,
            ["rented"] = rentals.RentedBytes,
            ["rentalLimit"] = rentals.MaxBytes,
        };
        string? finding = Exceeds("The heap has committed", statistics.CommittedBytes, statistics.LimitBytes) ??
            Exceeds("The pool has rented", rentals.RentedBytes, rentals.MaxBytes);
        return Task.FromResult(finding is null
            ? HealthCheckResult.Healthy("The heap and the pool are below their limits.", data)
            : new HealthCheckResult(context.Registration.FailureStatus, finding, data: data));
    }

    private string? Exceeds(string what, long bytes, long limit) => limit > 0 && bytes >= limit * degradedShare
        ? string.Create(CultureInfo.InvariantCulture, $"{what} {bytes} of at most {limit} bytes.")
        : null;
}
