using System;
using System.Buffers;
using System.Linq;
using Hakmem.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Hakmem;

/// <summary>Puts Hakmem into a container: <c>AddHakmem</c>.</summary>
/// <remarks>
/// Registered as singletons, where the service has none of its own yet: <see cref="HakmemAllocator"/>, <see cref="IHakmemAllocator"/>,
/// <see cref="NativeMemoryPool"/>, and <see cref="MemoryPool{T}"/> of bytes (the same object, so that code which only knows the
/// framework's class gets it too; ASP.NET Core itself asks a container for none). The options are <see cref="HakmemServiceOptions"/>, and the
/// host refuses to start when they are wrong, and when they are to shape a heap while the service had registered an allocator of its own before.
/// </remarks>
public static class HakmemServiceCollectionExtensions
{
    /// <summary>Adds Hakmem, with options from the section <c>Hakmem</c> of the application's configuration.</summary>
    /// <param name="builder">The application's builder, for instance a <c>WebApplicationBuilder</c>.</param>
    /// <param name="configure">Changes the options after the configuration was read. Called twice: once now, once for the options.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static IHostApplicationBuilder AddHakmem(this IHostApplicationBuilder builder, Action<HakmemServiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        Add(builder.Services, builder.Configuration, configure);
        return builder;
    }

    /// <summary>Adds Hakmem, with options from the section <c>Hakmem</c> of a configuration.</summary>
    /// <param name="services">Where to add it.</param>
    /// <param name="configuration">The configuration that has the section, not the section itself.</param>
    /// <param name="configure">Changes the options after the configuration was read. Called twice: once now, once for the options.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="configuration"/> is null.</exception>
    public static IServiceCollection AddHakmem(
        this IServiceCollection services, IConfiguration configuration, Action<HakmemServiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, configuration, configure);
    }

    /// <summary>Adds Hakmem, with options from code alone.</summary>
    /// <param name="services">Where to add it.</param>
    /// <param name="configure">Sets the options; null for the defaults. Called twice: once now, once for the options.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is null.</exception>
    public static IServiceCollection AddHakmem(this IServiceCollection services, Action<HakmemServiceOptions>? configure = null) =>
        Add(services, configuration: null, configure);

    private static IServiceCollection Add(IServiceCollection services, IConfiguration? configuration, Action<HakmemServiceOptions>? configure)
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
        return services;
    }

    // As an instance where the service brought one, which is the service's to dispose.
    private static void AddPoolAsMemoryPool(IServiceCollection services)
    {
        object? own = services.LastOrDefault(service => service.ServiceType == typeof(NativeMemoryPool) && !service.IsKeyedService)?.ImplementationInstance;
        if (own is null)
        {
            services.TryAddSingleton<MemoryPool<byte>>(provider => provider.GetRequiredService<NativeMemoryPool>());
        }
        else
        {
            services.TryAddSingleton((MemoryPool<byte>)own);
        }
    }

    // An instance for the shared heap, which the container must not dispose, a factory for one that it must: see HakmemHeapChoice. The
    // interface is the service's own allocator where there is one, in the same way.
    private static void AddHeap(IServiceCollection services, HakmemHeapChoice choice)
    {
        ServiceDescriptor? own = services.LastOrDefault(service => service.ServiceType == typeof(HakmemAllocator) && !service.IsKeyedService);
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
            services.TryAddSingleton(heap);
            services.TryAddSingleton<IHakmemAllocator>(heap);
        }
    }

    private static HakmemServiceOptions OptionsOf(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<HakmemServiceOptions>>().Value;
}
