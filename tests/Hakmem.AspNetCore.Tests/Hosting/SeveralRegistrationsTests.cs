using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// Both extensions in one service, or one of them twice: code comes after configuration, whichever is called first.
public sealed class SeveralRegistrationsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CodeComesAfterConfigurationInEitherOrderOfTheExtensions(bool kestrelFirst)
    {
        WebApplicationBuilder builder = CreateBuilder(
            ("Pool:DefaultBufferSize", "512"), ("Pool:MaxBufferSize", "100000"), ("Kestrel:ThreadCacheBlocks", "3"), ("Isolated", "false"));
        void AddHakmem() => builder.AddHakmem(options =>
        {
            options.Pool.DefaultBufferSize *= 32;
            options.Isolated = true;
            options.Heap.MaxBytes = 64 << 20;
        });
        void UseForKestrel() => builder.UseHakmemForKestrel(options => options.ThreadCacheBlocks += 4);
        Array.ForEach(kestrelFirst ? [UseForKestrel, AddHakmem] : (Action[])[AddHakmem, UseForKestrel], call => call());
        await using WebApplication app = builder.Build();
        await app.StartAsync();
        HakmemServiceOptions options = app.Services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
        Assert.Equal(512 * 32, options.Pool.DefaultBufferSize);
        Assert.Equal(100_000, options.Pool.MaxBufferSize);
        Assert.Equal(7, options.Kestrel.ThreadCacheBlocks);
        Assert.True(options.Isolated);
        Assert.NotSame(HakmemAllocator.Shared, app.Services.GetRequiredService<HakmemAllocator>());
    }

    // Configuration that the call for Kestrel brings comes before the code of an AddHakmem that had none.
    [Fact]
    public async Task ConfigurationThatComesWithTheSecondCallDoesNotUndoTheFirstCallsCode()
    {
        WebApplicationBuilder builder = CreateBuilder(("Pool:DefaultBufferSize", "512"), ("Pool:MaxBufferSize", "100000"));
        builder.Services.AddHakmem(options => options.Pool.DefaultBufferSize = 16_384);
        builder.UseHakmemForKestrel();
        await using WebApplication app = builder.Build();
        HakmemServiceOptions options = app.Services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
        Assert.Equal(16_384, options.Pool.DefaultBufferSize);
        Assert.Equal(100_000, options.Pool.MaxBufferSize);
    }

    // What an AddHakmem without configuration is to settle, it settles by what the call for Kestrel brought.
    [Fact]
    public async Task AddHakmemAfterKestrelKnowsItsConfiguration()
    {
        WebApplicationBuilder builder = CreateBuilder(("Isolated", "true"));
        builder.UseHakmemForKestrel();
        builder.Services.AddHakmem();
        await using WebApplication app = builder.Build();
        await app.StartAsync();
        Assert.NotSame(HakmemAllocator.Shared, app.Services.GetRequiredService<HakmemAllocator>());
    }

    // Only Kestrel's pool is used, and settings of what AddHakmem would make are in its section.
    [Theory]
    [InlineData("Hakmem:Isolated is set", "Isolated=true")]
    [InlineData("Hakmem:Heap:MaxBytes is set", "Heap:MaxBytes=1073741824")]
    [InlineData("Hakmem:Pool:MaxBytes is set", "Pool:MaxBytes=5000")]
    [InlineData("Hakmem:MetricsName is set", "MetricsName=orders")]
    [InlineData(
        "Hakmem:Isolated, Hakmem:Heap:MaxBytes, Hakmem:Pool:MaxBufferSize, Hakmem:Pool:LeakTracking are set",
        "Isolated=true", "Heap:MaxBytes=1073741824", "Pool:MaxBufferSize=65536", "Pool:LeakTracking=Count")]
    public async Task SettingsOfWhatAddHakmemMakesAreRefusedWithoutIt(string settings, params string[] values)
    {
        WebApplicationBuilder builder = CreateBuilder([.. values.Select(Split)]);
        builder.UseHakmemForKestrel();
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(async () =>
        {
            await using WebApplication app = builder.Build();
            await app.StartAsync();
        });
        Assert.Equal(
            $"{settings}, which has no effect, because AddHakmem was not called. Call it, or remove the settings.",
            refusal.Message);
    }

    [Fact]
    public async Task DefaultValuesOfWhatAddHakmemMakesAreNoMistakeWithoutIt()
    {
        WebApplicationBuilder builder = CreateBuilder(
            ("Isolated", "false"), ("Metrics", "true"), ("Heap:MaxBytes", ""), ("Pool:MaxBytes", "0"),
            ("Kestrel:ThreadCacheBlocks", "3"));
        builder.UseHakmemForKestrel();
        await using WebApplication app = builder.Build();
        await app.StartAsync();
        await app.StopAsync();
    }

    // Two configurations: the later one wins where both have a key, and all code comes after both.
    [Fact]
    public void OfTwoConfigurationsTheLaterWinsAndCodeComesAfterBoth()
    {
        IConfiguration first = Configuration("First:Hakmem:", ("Pool:DefaultBufferSize", "512"), ("Pool:MaxBufferSize", "100000"), ("Pool:MaxBytes", "1000000"));
        IConfiguration second = Configuration("Hakmem:", ("Pool:DefaultBufferSize", "1024"), ("Pool:MaxBufferSize", "200000"));
        using ServiceProvider services = new ServiceCollection()
            .AddHakmem(first.GetSection("First"), options => options.Pool.DefaultBufferSize *= 3)
            .AddHakmem(second, options => options.Pool.DefaultBufferSize += 1)
            .BuildServiceProvider();
        HakmemServiceOptions options = services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
        Assert.Equal((1024 * 3) + 1, options.Pool.DefaultBufferSize);
        Assert.Equal(200_000, options.Pool.MaxBufferSize);
        Assert.Equal(1_000_000, options.Pool.MaxBytes);
    }

    private static (string Key, string Value) Split(string setting)
    {
        string[] parts = setting.Split('=');
        return (parts[0], parts[1]);
    }

    private static WebApplicationBuilder CreateBuilder(params (string Key, string Value)[] values)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddConfiguration(Configuration("Hakmem:", values));
        return builder;
    }

    private static IConfiguration Configuration(string prefix, params (string Key, string Value)[] values) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(value => new KeyValuePair<string, string?>(prefix + value.Key, value.Value)))
            .Build();
}
