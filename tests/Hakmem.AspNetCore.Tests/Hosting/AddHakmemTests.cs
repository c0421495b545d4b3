using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

public sealed class AddHakmemTests
{
    [Fact]
    public void ByDefaultTheHeapIsTheSharedOneAndSurvivesTheContainer()
    {
        ServiceProvider services = new ServiceCollection().AddHakmem().BuildServiceProvider();
        Assert.Same(HakmemAllocator.Shared, services.GetRequiredService<HakmemAllocator>());
        Assert.Same(HakmemAllocator.Shared, services.GetRequiredService<IHakmemAllocator>());
        NativeMemoryPool pool = services.GetRequiredService<NativeMemoryPool>();
        Assert.Same(pool, services.GetRequiredService<MemoryPool<byte>>());
        pool.Rent(100).Dispose();
        services.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(100));
        NativeMemoryPool.Shared.Rent(100).Dispose();
    }

    [Fact]
    public void AnIsolatedHeapEndsWithTheContainer()
    {
        ServiceProvider services = new ServiceCollection().AddHakmem(options => options.Isolated = true).BuildServiceProvider();
        HakmemAllocator heap = services.GetRequiredService<HakmemAllocator>();
        Assert.NotSame(HakmemAllocator.Shared, heap);
        Assert.Same(heap, services.GetRequiredService<IHakmemAllocator>());
        using (services.GetRequiredService<NativeMemoryPool>().Rent(1_000))
        {
            Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        }

        services.Dispose();
        Assert.Throws<ObjectDisposedException>(() => heap.GetStatistics());
    }

    [Fact]
    public void EveryValueComesFromConfiguration()
    {
        IConfiguration configuration = Configuration(
            ("Isolated", "true"), ("Heap:MaxBytes", "268435456"), ("Heap:Prefault", "Touch"), ("Heap:LazyZero", "immediate"),
            ("Heap:HugePages", "Never"), ("Heap:ThreadCacheBytes", "1048576"), ("Heap:SuperSlabCacheCount", "7"),
            ("Heap:SuperSlabCacheBytes", "33554432"), ("Heap:SuperSlabCacheTtl", "00:00:05"), ("Heap:PurgeDelay", "00:00:00.5"),
            ("Heap:Hardening", "Full"), ("Heap:CaptureStacks", "true"), ("Heap:QuarantineBytes", "1048576"),
            ("Heap:GuardedSampleInterval", "1000"), ("Heap:GuardedSampleBytes", "4096"), ("Heap:FaultReports", "false"),
            ("Pool:MaxBufferSize", "1000000"), ("Pool:DefaultBufferSize", "512"),
            ("Pool:MaxBytes", "2000000"), ("Pool:RecycleOwners", "true"), ("Pool:LeakTracking", "count"),
            ("Kestrel:MaxBytes", "134217728"), ("Kestrel:IdleTimeout", "00:00:02"), ("Kestrel:ThreadCacheBlocks", "16"),
            ("Kestrel:RecycleOwners", "false"), ("Kestrel:CollectWhenIdle", "true"), ("Kestrel:RefuseAtLimit", "true"));
        using ServiceProvider services = new ServiceCollection().AddHakmem(configuration).BuildServiceProvider();
        HakmemServiceOptions options = services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
        HakmemOptions expected = new()
        {
            MaxBytes = 256 << 20, Prefault = PrefaultMode.Touch, LazyZero = LazyZeroMode.Immediate, HugePages = HugePageMode.Never,
            ThreadCacheBytes = 1 << 20, SuperSlabCacheCount = 7, SuperSlabCacheBytes = 32 << 20,
            SuperSlabCacheTtl = TimeSpan.FromSeconds(5), PurgeDelay = TimeSpan.FromMilliseconds(500), Hardening = HardeningLevel.Full,
            CaptureStacks = true, QuarantineBytes = 1 << 20, GuardedSampleInterval = 1000, GuardedSampleBytes = 4_096,
            FaultReports = false,
        };
        Assert.True(options.Isolated);
        Assert.Equal(expected, options.Heap.ToHeapOptions());
        NativeMemoryPoolOptions expectedPool = new()
        {
            MaxBufferSize = 1_000_000, DefaultBufferSize = 512, MaxBytes = 2_000_000, RecycleOwners = true, LeakTracking = LeakTracking.Count,
        };
        Assert.Equal(expectedPool, options.Pool.ToPoolOptions());
        Assert.Equal(128 << 20, options.Kestrel.MaxBytes);
        Assert.Equal(TimeSpan.FromSeconds(2), options.Kestrel.IdleTimeout);
        Assert.Equal(16, options.Kestrel.ThreadCacheBlocks);
        Assert.False(options.Kestrel.RecycleOwners);
        Assert.True(options.Kestrel.CollectWhenIdle);
        Assert.True(options.Kestrel.RefuseAtLimit);

        // And has its effect.
        NativeMemoryPool pool = services.GetRequiredService<NativeMemoryPool>();
        Assert.Equal(1_000_000, pool.MaxBufferSize);
        using IMemoryOwner<byte> owner = pool.Rent();
        Assert.Equal(512, owner.Memory.Length);
        using (pool.Rent(1_000_000))
        {
            Assert.Throws<OutOfMemoryException>(() => pool.Rent(1_000_000));
        }

        Assert.Throws<OutOfMemoryException>(() => AllocAndLose(services.GetRequiredService<IHakmemAllocator>(), 300 << 20));
    }

    [Fact]
    public void CodeComesAfterConfiguration()
    {
        using ServiceProvider services = new ServiceCollection()
            .AddHakmem(Configuration(("Pool:DefaultBufferSize", "512")), options => options.Pool.DefaultBufferSize *= 2)
            .BuildServiceProvider();
        using IMemoryOwner<byte> owner = services.GetRequiredService<NativeMemoryPool>().Rent();
        Assert.Equal(1024, owner.Memory.Length);
    }

    [Fact]
    public void WhatTheServiceHasAlreadyStays()
    {
        using HakmemAllocator mine = new();
        using ServiceProvider services = new ServiceCollection().AddSingleton(mine).AddSingleton(MemoryPool<byte>.Shared)
            .AddHakmem().AddHakmem().BuildServiceProvider();
        Assert.Same(mine, services.GetRequiredService<HakmemAllocator>());
        Assert.Same(mine, services.GetRequiredService<IHakmemAllocator>());
        Assert.Same(MemoryPool<byte>.Shared, services.GetRequiredService<MemoryPool<byte>>());
        using IMemoryOwner<byte> owner = services.GetRequiredService<NativeMemoryPool>().Rent(64);
        Assert.Equal(1, mine.GetStatistics().LiveBlocks);
    }

    // A container disposes what its factories make, and nothing else.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnAllocatorThatTheContainerDidNotMakeOutlivesIt(bool isMadeByTheContainer)
    {
        using HakmemAllocator mine = new();
        ServiceCollection collection = new();
        _ = isMadeByTheContainer ? collection.AddSingleton(_ => mine) : collection.AddSingleton(mine);
        ServiceProvider services = collection.AddHakmem().BuildServiceProvider();
        Assert.Same(mine, services.GetRequiredService<HakmemAllocator>());
        Assert.Same(mine, services.GetRequiredService<IHakmemAllocator>());
        services.Dispose();
        Assert.Equal(isMadeByTheContainer, Record.Exception(() => mine.GetStatistics()) is ObjectDisposedException);
    }

    [Fact]
    public async Task KestrelsOptionsAreCheckedWithoutAddHakmemToo()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection([new("Hakmem:Kestrel:MaxBytes", "5")]);
        builder.UseHakmemForKestrel();

        // The server is made when the application is built, and asks for its memory.
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(async () =>
        {
            await using WebApplication app = builder.Build();
            await app.StartAsync();
        });
        Assert.Contains("Hakmem:Kestrel:MaxBytes is 5", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AHeapCannotBeIsolatedAfterwards()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddHakmem();
        builder.Services.Configure<HakmemServiceOptions>(options => options.Isolated = true);
        using IHost host = builder.Build();
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains("Hakmem:Isolated", refusal.Message, StringComparison.Ordinal);
    }

    // The service's own allocator is used, so what was to shape another heap would do nothing.
    [Theory]
    [InlineData("Isolated", "true", "Hakmem:Isolated is set,")]
    [InlineData("Heap:MaxBytes", "268435456", "Hakmem:Heap:MaxBytes is set,")]
    public async Task SettingsOfAHeapAreRefusedWhereTheServiceHasAnAllocatorAlready(string key, string value, string message)
    {
        using HakmemAllocator mine = new();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new("Hakmem:" + key, value)]);
        builder.Services.AddSingleton(mine);
        builder.AddHakmem();
        using IHost host = builder.Build();
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EverySettingOfAHeapThatWouldDoNothingIsNamed()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton(_ => new HakmemAllocator());
        builder.AddHakmem(options =>
        {
            options.Isolated = true;
            options.Heap.PurgeDelay = TimeSpan.FromSeconds(1);
            options.Heap.FaultReports = false;
        });
        using IHost host = builder.Build();
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains(
            "Hakmem:Isolated, Hakmem:Heap:PurgeDelay, Hakmem:Heap:FaultReports are set,", refusal.Message, StringComparison.Ordinal);
    }

    // What shapes no heap has its effect. Another key's allocator is not the service's own, and one that is registered later replaces
    // AddHakmem's on purpose, as tests of a service do.
    [Fact]
    public async Task AnAllocatorOfTheServicesOwnIsNoMistake()
    {
        using HakmemAllocator mine = new();
        using HakmemAllocator replacement = new();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton(mine).AddHakmem(options => options.Pool.DefaultBufferSize = 512);
        using IHost host = builder.Build();
        await host.StartAsync();
        using (IMemoryOwner<byte> owner = host.Services.GetRequiredService<NativeMemoryPool>().Rent())
        {
            Assert.Equal(512, owner.Memory.Length);
            Assert.Equal(1, mine.GetStatistics().LiveBlocks);
        }

        builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddKeyedSingleton("other", mine).AddHakmem(options => options.Isolated = true).AddSingleton(replacement);
        using IHost replacing = builder.Build();
        await replacing.StartAsync();
        Assert.Same(replacement, replacing.Services.GetRequiredService<HakmemAllocator>());
    }

    [Fact]
    public void APoolOfTheServicesOwnIsTheMemoryPoolAndLeftToTheService()
    {
        using HakmemAllocator heap = new();
        using NativeMemoryPool mine = new(heap);
        using (ServiceProvider provider = new ServiceCollection().AddSingleton(mine).AddHakmem().BuildServiceProvider())
        {
            Assert.Same(mine, provider.GetRequiredService<MemoryPool<byte>>());
        }

        mine.Rent(100).Dispose();
    }

    private static unsafe void AllocAndLose(IHakmemAllocator heap, nuint bytes) => heap.Alloc(bytes);

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(value => new KeyValuePair<string, string?>("Hakmem:" + value.Key, value.Value)))
            .Build();
}
