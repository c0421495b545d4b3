using System;
using System.Linq;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Hosting;

// The options' registration, shared by both extensions: bound from the section, then changed by code, then checked at the host's start.
internal static class HakmemOptionsRegistration
{
    // Returns the choice that the validator sees, one for each collection of services.
    public static HakmemHeapChoice Register(IServiceCollection services, IConfiguration? configuration, Action<HakmemServiceOptions>? configure)
    {
        OptionsBuilder<HakmemServiceOptions> options = services.AddOptions<HakmemServiceOptions>();
        if (configuration is not null)
        {
            // A key with a slip in it is an error: a limit that silently is none is found out at the worst time.
            IConfigurationSection section = configuration.GetSection(HakmemServiceOptions.SectionName);
            options.Configure(bound => section.Bind(bound, binder => binder.ErrorOnUnknownConfiguration = true));
        }

        if (configure is not null)
        {
            options.Configure(configure);
        }

        options.ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<HakmemServiceOptions>, HakmemServiceOptionsValidator>());
        if (services.FirstOrDefault(service => service.ServiceType == typeof(HakmemHeapChoice))?.ImplementationInstance is HakmemHeapChoice known)
        {
            return known;
        }

        HakmemHeapChoice choice = new();
        services.AddSingleton(choice);
        return choice;
    }

    // What the options will say, as far as can be told before the container is built. Values that cannot be understood are left to
    // the check at the start, which names them.
    public static bool IsIsolated(IConfiguration? configuration, Action<HakmemServiceOptions>? configure)
    {
        string? text = configuration?[$"{HakmemServiceOptions.SectionName}:{nameof(HakmemServiceOptions.Isolated)}"];
        HakmemServiceOptions probe = new() { Isolated = bool.TryParse(text, out bool isolated) && isolated };
        configure?.Invoke(probe);
        return probe.Isolated;
    }
}
