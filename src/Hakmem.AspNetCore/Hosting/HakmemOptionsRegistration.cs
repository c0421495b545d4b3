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
    // Returns what is settled of this collection of services, which the validator sees as well.
    public static HakmemHeapChoice Register(IServiceCollection services, IConfiguration? configuration, Action<HakmemServiceOptions>? configure)
    {
        OptionsBuilder<HakmemServiceOptions> options = services.AddOptions<HakmemServiceOptions>();
        HakmemHeapChoice choice = ChoiceOf(services) ?? RegisterFirst(options);

        // Both extensions mostly bring the same one.
        if (configuration is not null && !choice.Configurations.Contains(configuration))
        {
            choice.Configurations.Add(configuration);
        }

        if (configure is not null)
        {
            options.Configure(configure);
        }

        return choice;
    }

    // What the options will say, as far as can be told before the container is built. Values that cannot be understood are left to
    // the check at the start, which names them.
    public static bool IsIsolated(HakmemHeapChoice choice, Action<HakmemServiceOptions>? configure)
    {
        string? text = choice.Configurations
            .Select(configuration => configuration[$"{HakmemServiceOptions.SectionName}:{nameof(HakmemServiceOptions.Isolated)}"])
            .LastOrDefault(value => value is not null);
        HakmemServiceOptions probe = new() { Isolated = bool.TryParse(text, out bool isolated) && isolated };
        configure?.Invoke(probe);
        return probe.Isolated;
    }

    private static HakmemHeapChoice? ChoiceOf(IServiceCollection services) =>
        services.FirstOrDefault(service => service.ServiceType == typeof(HakmemHeapChoice))?.ImplementationInstance as HakmemHeapChoice;

    // Binding is registered here, by the first call and whether that brings a configuration or not: options are changed in the order of
    // registration, so what a later call brings is bound before the first call's code too.
    private static HakmemHeapChoice RegisterFirst(OptionsBuilder<HakmemServiceOptions> options)
    {
        HakmemHeapChoice choice = new();
        options.Services.AddSingleton(choice);
        options.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<HakmemServiceOptions>, HakmemServiceOptionsValidator>());
        options.Configure(bound => choice.Configurations.ForEach(configuration => Bind(configuration, bound)));
        options.ValidateOnStart();
        return choice;
    }

    private static void Bind(IConfiguration configuration, HakmemServiceOptions bound)
    {
        IConfigurationSection section = configuration.GetSection(HakmemServiceOptions.SectionName);
        string[] findings = [.. ConfigurationCheck.Findings(section)];
        if (findings.Length > 0)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(HakmemServiceOptions), findings);
        }

        section.Bind(bound);
    }
}
