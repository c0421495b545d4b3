using System;
using System.Diagnostics.Metrics;
using Hakmem.AspNetCore.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Hakmem;

/// <summary>Replaces the memory pools of Kestrel: <c>UseHakmemForKestrel</c>. Not thread-safe.</summary>
public static class HakmemWebHostBuilderExtensions
{
    /// <summary>
    /// Makes Kestrel and its transports rent their buffers from one <see cref="PinnedMemoryPool"/> for the whole
    /// service instead of the framework's pools. The pool is a singleton of the container, and its options are in the
    /// section <c>Hakmem:Kestrel</c>. A program that calls <c>UseKestrel</c> itself must call this method after it;
    /// otherwise the host does not start. Nor does it if the section sets a heap or a pool and <c>AddHakmem</c> is not
    /// called.
    /// </summary>
    /// <param name="builder">The builder of a web host with Kestrel as its server.</param>
    /// <param name="configure">Changes the options after the configuration was read.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static IWebHostBuilder UseHakmemForKestrel(
        this IWebHostBuilder builder, Action<PinnedMemoryPoolOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.ConfigureServices((context, services) =>
        {
            HakmemOptionsRegistration.Register(
                services, context.Configuration, configure is null ? null : options => configure(options.Kestrel));
            services.TryAddSingleton(provider => new PinnedMemoryPool(
                provider.GetRequiredService<IOptions<HakmemServiceOptions>>().Value.Kestrel,
                provider.GetService<IMeterFactory>(),
                provider.GetService<TimeProvider>()));

            // Kestrel has registered its own factory several times by now, so TryAdd would have no effect.
            services.RemoveAll<IMemoryPoolFactory<byte>>();
            services.AddSingleton<IMemoryPoolFactory<byte>, PinnedMemoryPoolFactory>();
            services.TryAddEnumerable(ServiceDescriptor.Transient<IStartupFilter, KestrelPoolCheck>());
        });
    }

    /// <inheritdoc cref="UseHakmemForKestrel(IWebHostBuilder, Action{PinnedMemoryPoolOptions}?)"/>
    public static WebApplicationBuilder UseHakmemForKestrel(
        this WebApplicationBuilder builder, Action<PinnedMemoryPoolOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.WebHost.UseHakmemForKestrel(configure);
        return builder;
    }
}
