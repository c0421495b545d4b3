using System;
using System.Buffers;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
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

    // The limit counts whole slabs, here one of 32 blocks.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AServiceIsDegradedNearTheLimitOfKestrelsPool(bool refuses)
    {
        await using ServiceProvider services = CreateServices(options =>
        {
            options.Kestrel.MaxBytes = 200_000;
            options.Kestrel.RefuseAtLimit = refuses;
        });
        PinnedMemoryPool pool = services.GetRequiredService<PinnedMemoryPool>();
        IMemoryOwner<byte>[] some = [.. Enumerable.Range(0, 28).Select(_ => pool.Rent())];
        HealthReportEntry below = await CheckAsync(services);
        Assert.Equal(HealthStatus.Healthy, below.Status);
        Assert.Equal(28L * 4096, below.Data["kestrelRented"]);
        Assert.Equal(131_072L, below.Data["kestrelLimit"]);
        using (pool.Rent())
        {
            HealthReportEntry entry = await CheckAsync(services);
            Assert.Equal(HealthStatus.Degraded, entry.Status);
            Assert.Equal("Kestrel's pool has rented 118784 bytes, and its limit is 131072.", entry.Description);
        }

        Array.ForEach(some, owner => owner.Dispose());
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(services)).Status);
    }

    // A heap that cannot be created serves nobody, so a balancer must not send requests here.
    [Fact]
    public async Task AServiceWhoseHeapCannotBeCreatedIsUnhealthy()
    {
        ServiceCollection collection = new();
        collection.AddSingleton<HakmemAllocator>(_ => throw new InvalidOperationException("HAKMEM_MAX_BYTES is 64M."));
        await using ServiceProvider services = Add(collection, _ => { }).BuildServiceProvider();
        HealthReportEntry entry = await CheckAsync(services);
        Assert.Equal(HealthStatus.Unhealthy, entry.Status);
        Assert.Contains("HAKMEM_MAX_BYTES is 64M.", entry.Description, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(entry.Exception);
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
        services.AddSingleton(provider =>
            new PinnedMemoryPool(provider.GetRequiredService<IOptions<HakmemServiceOptions>>().Value.Kestrel));
        return Add(services, configure).BuildServiceProvider();
    }

    private static IServiceCollection Add(IServiceCollection services, Action<HakmemServiceOptions> configure)
    {
        services.AddLogging().AddHakmem(configure).AddHealthChecks().AddHakmem();
        return services;
    }

    private static async Task<HealthReportEntry> CheckAsync(IServiceProvider services)
    {
        HealthReport report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return report.Entries["hakmem"];
    }
}
