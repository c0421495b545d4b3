using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Hosting;

// Registers the options for both extensions: they are bound from the section, then changed by code, then validated when
// the host starts.
internal static class HakmemOptionsRegistration
{
    private const string IsolatedKey = $"{HakmemServiceOptions.SectionName}:{nameof(HakmemServiceOptions.Isolated)}";

    // Returns the state of this collection of services, which the validator gets too.
    public static HakmemHeapChoice Register(
        IServiceCollection services, IConfiguration? configuration, Action<HakmemServiceOptions>? configure)
    {
        OptionsBuilder<HakmemServiceOptions> options = services.AddOptions<HakmemServiceOptions>();
        HakmemHeapChoice choice = ChoiceOf(services) ?? RegisterFirst(options);

        // Both extensions usually pass the same configuration.
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

    // Returns what HakmemServiceOptions.Isolated will be, as far as it is known before the container is built. A value
    // that cannot be parsed counts as false here; the validation at start names it.
    public static bool IsIsolated(HakmemHeapChoice choice, Action<HakmemServiceOptions>? configure)
    {
        string? text = choice.Configurations
            .Select(configuration => configuration[IsolatedKey])
            .LastOrDefault(value => value is not null);
        HakmemServiceOptions probe = new() { Isolated = bool.TryParse(text, out bool isolated) && isolated };
        configure?.Invoke(probe);
        return probe.Isolated;
    }

    private static HakmemHeapChoice? ChoiceOf(IServiceCollection services) => services
        .FirstOrDefault(service => service.ServiceType == typeof(HakmemHeapChoice))?
        .ImplementationInstance as HakmemHeapChoice;

    // The first call registers the binding even if it passes no configuration. Options are changed in the order of
    // registration, so the configuration of a later call is also bound before the code of the first call runs.
    private static HakmemHeapChoice RegisterFirst(OptionsBuilder<HakmemServiceOptions> options)
    {
        HakmemHeapChoice choice = new();
        options.Services.AddSingleton(choice);
        options.Services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<HakmemServiceOptions>, HakmemServiceOptionsValidator>());
        options.Configure(bound => choice.Configurations.ForEach(configuration => Bind(configuration, bound)));
        options.ValidateOnStart();
        return choice;
    }

    // The validator tells the mistakes, beside those that it finds in the other keys' values. What is wrong is left
    // out, as the binder would throw at the first of it.
    private static void Bind(IConfiguration configuration, HakmemServiceOptions bound)
    {
        IConfigurationSection section = configuration.GetSection(HakmemServiceOptions.SectionName);
        ConfigurationFinding[] findings = [.. ConfigurationCheck.Findings(section)];
        if (findings.Length > 0)
        {
            bound.ConfigurationFindings.AddRange(findings.Select(finding => finding.Message));
            section = Without(section, findings);
        }

        section.Bind(bound);
    }

    private static IConfigurationSection Without(IConfigurationSection section, ConfigurationFinding[] findings)
    {
        HashSet<string> wrong = new(findings.Select(finding => finding.Path), StringComparer.OrdinalIgnoreCase);
        return new ConfigurationBuilder()
            .AddInMemoryCollection(section.AsEnumerable().Where(pair => !wrong.Contains(pair.Key)))
            .Build()
            .GetSection(section.Path);
    }
}
