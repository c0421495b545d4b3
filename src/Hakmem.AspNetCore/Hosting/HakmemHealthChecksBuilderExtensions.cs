using System;
using Hakmem.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Hakmem;

/// <summary>Adds a health check: <c>AddHakmem</c>. Not thread-safe, as registration in general.</summary>
public static class HakmemHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds a check that reports the service as degraded while its heap has committed, or its pool or that of
    /// <c>UseHakmemForKestrel</c> has rented, a share of its limit. Without limits
    /// (<see cref="HakmemOptions.MaxBytes"/> of an isolated heap, <see cref="NativeMemoryPoolOptions.MaxBytes"/>,
    /// <see cref="PinnedMemoryPoolOptions.MaxBytes"/>) it is healthy. It is unhealthy, with the reason as its
    /// description, if the figures cannot be had, as where the heap could not be created.
    /// </summary>
    /// <remarks>
    /// Its data are the figures in bytes: <c>live</c>, <c>committed</c>, <c>limit</c>, <c>refused</c> (a count),
    /// <c>rented</c>, <c>rentalLimit</c>, and with <c>UseHakmemForKestrel</c> <c>kestrelRented</c> and
    /// <c>kestrelLimit</c>, which is of whole slabs. A limit is 0 where there is none. Requires <c>AddHakmem</c> on the
    /// services. The check costs one <see cref="HakmemAllocator.GetStatistics"/>.
    /// </remarks>
    /// <param name="builder">The builder of <c>services.AddHealthChecks()</c>.</param>
    /// <param name="degradedShare">The share of the limit, above 0 and up to 1, from which the service is degraded.
    /// </param>
    /// <param name="name">The name of the check.</param>
    /// <param name="failureStatus">What the service is then, if not unhealthy.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="degradedShare"/> is not above 0 and at most 1.
    /// </exception>
    public static IHealthChecksBuilder AddHakmem(
        this IHealthChecksBuilder builder,
        double degradedShare = 0.9,
        string name = "hakmem",
        HealthStatus failureStatus = HealthStatus.Degraded)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (!(degradedShare > 0 && degradedShare <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(degradedShare), degradedShare, "The share must be above 0 and at most 1.");
        }

        return builder.Add(new HealthCheckRegistration(
            name,
            services => new HakmemHealthCheck(services, degradedShare),
            failureStatus,
            tags: null));
    }
}
