using System;
using System.Buffers;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

public sealed class HealthCheckTests
{
    [Fact]
    public async Task AServiceIsDegradedNearItsPoolsLimit()
    {
        await using ServiceProvider services = CreateServices(options => options.Pool.MaxBytes = 100_000);
        NativeMemoryPool pool = services.GetRequiredService<NativeMemoryPool>();
        using IMemoryOwner<byte> half = pool.Rent(50_000);
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(services)).Status);
        using (pool.Rent(40_000))
        {
            HealthReportEntry entry = await CheckAsync(services);
            Assert.Equal(HealthStatus.Degraded, entry.Status);
            Assert.Equal("The pool has rented 90000 of at most 100000 bytes.", entry.Description);
            Assert.Equal(90_000L, entry.Data["rented"]);
        }

        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(services)).Status);
    }

    [Fact]
    public async Task AServiceIsDegradedNearItsHeapsLimit()
    {
        await using ServiceProvider services = CreateServices(options =>
        {
            options.Isolated = true;
            options.Heap.MaxBytes = 8 << 20;
        });
        IHakmemAllocator heap = services.GetRequiredService<IHakmemAllocator>();
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(services)).Status);
        using (heap.RentMemory<byte>(8 << 20))
        {
            HealthReportEntry entry = await CheckAsync(services);
            Assert.Equal(HealthStatus.Degraded, entry.Status);
            Assert.Equal("The heap has committed 8388608 of at most 8388608 bytes.", entry.Description);
        }
    }

    [Fact]
    public async Task AServiceWithoutLimitsIsHealthy()
    {
        await using ServiceProvider services = CreateServices(_ => { });
        using IMemoryOwner<byte> much = services.GetRequiredService<NativeMemoryPool>().Rent(10 << 20);
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(services)).Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void AShareOutOfRangeIsRefused(double share)
    {
        IHealthChecksBuilder builder = new ServiceCollection().AddHealthChecks();
        Assert.Throws<ArgumentOutOfRangeException>(() => builder.AddHakmem(share));
        Assert.Throws<ArgumentNullException>(() => HakmemHealthChecksBuilderExtensions.AddHakmem(null!, share));
    }

    private static ServiceProvider CreateServices(Action<HakmemServiceOptions> configure)
    {
        ServiceCollection services = new();
        services.AddLogging().AddHakmem(configure).AddHealthChecks().AddHakmem();
        return services.BuildServiceProvider();
    }

    private static async Task<HealthReportEntry> CheckAsync(IServiceProvider services)
    {
        HealthReport report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return report.Entries["hakmem"];
    }
}
