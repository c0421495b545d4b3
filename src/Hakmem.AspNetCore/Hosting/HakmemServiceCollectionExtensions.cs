using System;
using System.Buffers;
using System.Diagnostics.Metrics;
using System.Linq;
using Hakmem.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Hakmem;

/// <summary>
/// Adds Hakmem to dependency injection: <c>AddHakmem</c>. Not thread-safe, as registration in general.
/// </summary>
/// <remarks>
/// These singletons are registered, unless the service has registered its own before: <see cref="HakmemAllocator"/>,
/// <see cref="IHakmemAllocator"/>, <see cref="NativeMemoryPool"/>, and <see cref="MemoryPool{T}"/> of bytes, which is
/// the same object as the pool, for code that only knows the framework's class (ASP.NET Core itself resolves none). The
/// options are <see cref="HakmemServiceOptions"/>. The host fails to start if they or the settings of
/// <see cref="HakmemAllocator.Shared"/> are wrong, or if they configure a heap although the service registered an
/// allocator before.
/// </remarks>
public static class HakmemServiceCollectionExtensions
{
    /// <summary>Adds Hakmem, with options from the section <c>Hakmem</c> of the application's configuration.</summary>
    /// <param name="builder">The application's builder, for instance a <c>WebApplicationBuilder</c>.</param>
    /// <param name="configure">Changes the options after the configuration was read. It runs twice: in this call, and
    /// when the options are created.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static IHostApplicationBuilder AddHakmem(
        this IHostApplicationBuilder builder, Action<HakmemServiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        Add(builder.Services, builder.Configuration, configure);
        return builder;
    }

    /// <summary>Adds Hakmem, with options from the section <c>Hakmem</c> of a configuration.</summary>
    /// <param name="services">The collection to add to.</param>
    /// <param name="configuration">The configuration that contains the section, not the section itself.</param>
    /// <param name="configure">Changes the options after the configuration was read. It runs twice: in this call, and
    /// when the options are created.</param>
    /// <returns>The same collection.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="configuration"/> is
    /// null.</exception>
    public static IServiceCollection AddHakmem(
        this IServiceCollection services, IConfiguration configuration, Action<HakmemServiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, configuration, configure);
    }

    /// <summary>Adds Hakmem, with options from code only.</summary>
    /// <param name="services">The collection to add to.</param>
    /// <param name="configure">Sets the options; null for the default values. It runs twice: in this call, and when the
    /// options are created.</param>
    /// <returns>The same collection.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is null.</exception>
    public static IServiceCollection AddHakmem(
        this IServiceCollection services, Action<HakmemServiceOptions>? configure = null) =>
        Add(services, configuration: null, configure);

    private static IServiceCollection Add(
        IServiceCollection services, IConfiguration? configuration, Action<HakmemServiceOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        HakmemHeapChoice choice = HakmemOptionsRegistration.Register(services, configuration, configure);
        if (choice.IsIsolated is null)
        {
            choice.IsIsolated = HakmemOptionsRegistration.IsIsolated(choice, configure);
            AddHeap(services, choice);
        }

        services.TryAddSingleton(provider => new NativeMemoryPool(
            provider.GetRequiredService<HakmemAllocator>(), OptionsOf(provider).Pool.ToPoolOptions()));
        AddPoolAsMemoryPool(services);
        services.TryAddSingleton(provider => new RequestRegions(
            provider.GetRequiredService<HakmemAllocator>(), provider.GetService<IMeterFactory>()));
        services.TryAddSingleton<MetricsRegistrations>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, MetricsPublication>());
        return services;
    }

    // Registers the pool of the service as an instance, if there is one, because the service disposes it itself.
    private static void AddPoolAsMemoryPool(IServiceCollection services)
    {
        object? own = LastOf<NativeMemoryPool>(services)?.ImplementationInstance;
        if (own is null)
        {
            services.TryAddSingleton<MemoryPool<byte>>(provider => provider.GetRequiredService<NativeMemoryPool>());
        }
        else
        {
            services.TryAddSingleton((MemoryPool<byte>)own);
        }
    }

    // Registers the shared heap as an instance, which the container does not dispose, and an isolated heap by a
    // factory: see HakmemHeapChoice. If the service has an allocator, the interface is registered for that in the same
    // way.
    private static void AddHeap(IServiceCollection services, HakmemHeapChoice choice)
    {
        ServiceDescriptor? own = LastOf<HakmemAllocator>(services);
        choice.UsesExistingAllocator = own is not null;
        if (own is not null ? own.ImplementationInstance is null : choice.IsIsolated == true)
        {
            services.TryAddSingleton(provider => new ContainerHeap(
                OptionsOf(provider).Heap.ToHeapOptions(), provider.GetService<ILoggerFactory>()));
            services.TryAddSingleton(provider => provider.GetRequiredService<ContainerHeap>().Heap);
            services.TryAddSingleton<IHakmemAllocator>(provider => provider.GetRequiredService<HakmemAllocator>());
        }
        else
        {
            HakmemAllocator heap = (HakmemAllocator?)own?.ImplementationInstance ?? HakmemAllocator.Shared;
            choice.UsesSharedHeap = ReferenceEquals(heap, HakmemAllocator.Shared);
            services.TryAddSingleton(heap);
            services.TryAddSingleton<IHakmemAllocator>(heap);
        }
    }

    private static ServiceDescriptor? LastOf<T>(IServiceCollection services) =>
        services.LastOrDefault(service => service.ServiceType == typeof(T) && !service.IsKeyedService);

    private static HakmemServiceOptions OptionsOf(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
}
