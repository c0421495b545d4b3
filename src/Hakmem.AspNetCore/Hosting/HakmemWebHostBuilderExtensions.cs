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

/// <summary>Gives Kestrel its memory: <c>UseHakmemForKestrel</c>.</summary>
public static class HakmemWebHostBuilderExtensions
{
    /// <summary>
    /// Makes Kestrel and its transports rent their buffers from a <see cref="PinnedMemoryPool"/>, one for the whole service, in place of the
    /// framework's pools. The pool is a singleton of the container, its options the section <c>Hakmem:Kestrel</c>. Where a program calls
    /// <c>UseKestrel</c> itself, this has to come after it: a host in which it would have no effect does not start.
    /// </summary>
    /// <param name="builder">The web host's builder, whose server is Kestrel.</param>
    /// <param name="configure">Changes the options after the configuration was read.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static IWebHostBuilder UseHakmemForKestrel(this IWebHostBuilder builder, Action<PinnedMemoryPoolOptions>? configure = null)
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

            // Kestrel has registered its own factory by now, more than once, so to add one if there is none would do nothing.
            services.RemoveAll<IMemoryPoolFactory<byte>>();
            services.AddSingleton<IMemoryPoolFactory<byte>, PinnedMemoryPoolFactory>();
            services.TryAddEnumerable(ServiceDescriptor.Transient<IStartupFilter, KestrelPoolCheck>());
        });
    }

    /// <inheritdoc cref="UseHakmemForKestrel(IWebHostBuilder, Action{PinnedMemoryPoolOptions}?)"/>
    public static WebApplicationBuilder UseHakmemForKestrel(this WebApplicationBuilder builder, Action<PinnedMemoryPoolOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.WebHost.UseHakmemForKestrel(configure);
        return builder;
    }
}
