using System;
using System.Collections.Generic;
using System.Globalization;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Hakmem.AspNetCore.Hosting;

// Compares what a heap has committed with its limit, and what a pool and Kestrel's pool have rented with their own. A
// heap at its limit still serves what its free memory allows, so it counts as degraded and not as unhealthy: to restart
// the service would lose its requests. A heap that cannot be created serves nothing, so that is unhealthy. Its figures
// are asked for in the check, as the framework takes an exception of a check's creation for one of its own.
internal sealed class HakmemHealthCheck(IServiceProvider services, double degradedShare) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        HealthCheckResult result;
        try
        {
            result = Check(context);
        }
        catch (Exception failure)
        {
            result = HealthCheckResult.Unhealthy(failure.Message, failure);
        }

        return Task.FromResult(result);
    }

    private HealthCheckResult Check(HealthCheckContext context)
    {
        HakmemStatistics statistics = services.GetRequiredService<HakmemAllocator>().GetStatistics();
        NativeMemoryPoolStatistics rentals = services.GetRequiredService<NativeMemoryPool>().GetStatistics();
        Dictionary<string, object> data = new()
        {
            ["live"] = statistics.LiveBytes,
            ["committed"] = statistics.CommittedBytes,
            ["limit"] = statistics.LimitBytes,
            ["refused"] = statistics.RefusedAllocations,
            ["rented"] = rentals.RentedBytes,
            ["rentalLimit"] = rentals.MaxBytes,
        };
        string? kestrelFinding = CheckKestrel(data);
        string? finding = Exceeds("The heap has committed", statistics.CommittedBytes, statistics.LimitBytes) ??
            Exceeds("The pool has rented", rentals.RentedBytes, rentals.MaxBytes) ??
            kestrelFinding;
        return finding is null
            ? HealthCheckResult.Healthy("The heap and the pools are below their limits.", data)
            : new HealthCheckResult(context.Registration.FailureStatus, finding, data: data);
    }

    private string? CheckKestrel(Dictionary<string, object> data)
    {
        if (services.GetService<PinnedMemoryPool>() is not { } pool)
        {
            return null;
        }

        long rented = pool.GetStatistics().RentedBytes;
        data["kestrelRented"] = rented;
        data["kestrelLimit"] = pool.LimitBytes;
        return IsNear(rented, pool.LimitBytes)
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"Kestrel's pool has rented {rented} bytes, and its limit is {pool.LimitBytes}.")
            : null;
    }

    private string? Exceeds(string what, long bytes, long limit) => IsNear(bytes, limit)
        ? string.Create(CultureInfo.InvariantCulture, $"{what} {bytes} of at most {limit} bytes.")
        : null;

    private bool IsNear(long bytes, long limit) => limit > 0 && bytes >= limit * degradedShare;
}
