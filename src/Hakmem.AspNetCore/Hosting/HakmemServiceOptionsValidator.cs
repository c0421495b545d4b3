using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.AspNetCore.Pooling;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Hosting;

// Reports every wrong option when the host starts, each with its configuration key. It creates and disposes a heap
// (which commits no memory) to check the options of the heap, instead of repeating their ranges here. The shared heap
// exists by then, and says at each use why it could not be created.
internal sealed class HakmemServiceOptionsValidator(HakmemHeapChoice choice) : IValidateOptions<HakmemServiceOptions>
{
    public ValidateOptionsResult Validate(string? name, HakmemServiceOptions options)
    {
        List<string> findings = [.. HeapFindings(options), .. SharedHeapFindings(), .. PoolFindings(options.Pool)];
        findings.AddRange(PinnedMemoryPoolOptionsCheck.Findings(options.Kestrel)
            .Select(finding => $"{Key(nameof(options.Kestrel))}:{finding}"));
        return findings.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(findings);
    }

    private IEnumerable<string> HeapFindings(HakmemServiceOptions options)
    {
        if (choice.UsesExistingAllocator)
        {
            string[] keys = [.. HeapKeys(options)];
            if (keys.Length > 0)
            {
                string verb = keys.Length == 1 ? "is" : "are";
                yield return $"{string.Join(", ", keys)} {verb} set, which has no effect, because a " +
                    $"{nameof(HakmemAllocator)} was registered before AddHakmem. Set the options where that " +
                    "allocator is created, or remove its registration so that AddHakmem registers one.";
            }
        }
        else if (choice.IsIsolated is { } chosen && chosen != options.Isolated)
        {
            yield return $"{Key(nameof(options.Isolated))} is {options.Isolated}, but was {chosen} when AddHakmem " +
                "was called, which made the choice. Set it before, or in the argument of AddHakmem.";
        }
        else if (!options.Isolated && options.Heap.IsAnythingSet)
        {
            yield return $"{Key(nameof(options.Heap))} is set, which has no effect on the shared heap. Set " +
                $"{Key(nameof(options.Isolated))} to true for a heap with these settings, or set those of the shared " +
                "heap in AppContext or the environment.";
        }
        else if (options.Isolated && FindingOfCreation(options.Heap) is { } finding)
        {
            yield return finding;
        }
    }

    // Returns the configured keys that apply to a heap that AddHakmem would create.
    private static IEnumerable<string> HeapKeys(HakmemServiceOptions options) =>
        (options.Isolated ? new[] { Key(nameof(options.Isolated)) } : [])
            .Concat(options.Heap.ConfiguredKeys.Select(name => $"{Key(nameof(options.Heap))}:{name}"));

    // A wrong setting of the shared heap, which would fail every request that uses memory.
    private IEnumerable<string> SharedHeapFindings()
    {
        string? finding = choice.UsesSharedHeap ? FindingOf(() => HakmemAllocator.Shared.GetStatistics()) : null;
        return finding is null ? [] : [$"The shared heap cannot be created: {finding}"];
    }

    private static IEnumerable<string> PoolFindings(HakmemPoolSettings settings)
    {
        string pool = Key(nameof(HakmemServiceOptions.Pool));
        if (settings.MaxBufferSize < 1)
        {
            yield return $"{pool}:{nameof(settings.MaxBufferSize)} is {settings.MaxBufferSize}, " +
                "and must be at least 1.";
        }
        else if (settings.DefaultBufferSize < 1 || settings.DefaultBufferSize > settings.MaxBufferSize)
        {
            yield return $"{pool}:{nameof(settings.DefaultBufferSize)} is {settings.DefaultBufferSize}, and must be " +
                $"from 1 to {nameof(settings.MaxBufferSize)}, which is {settings.MaxBufferSize}.";
        }

        if (settings.MaxBytes < 0)
        {
            yield return $"{pool}:{nameof(settings.MaxBytes)} is {settings.MaxBytes}, " +
                "and must be 0 (no limit) or more.";
        }

        if (!Enum.IsDefined(settings.LeakTracking))
        {
            yield return $"{pool}:{nameof(settings.LeakTracking)} is {settings.LeakTracking}, and must be one of " +
                $"{string.Join(", ", Enum.GetNames<LeakTracking>())}.";
        }
    }

    // Only what a setting causes: a process without room for a heap has another problem, and ends with that exception.
    private static string? FindingOf(Action use)
    {
        try
        {
            use();
            return null;
        }
        catch (ArgumentOutOfRangeException finding)
        {
            return ForeignFinding(finding);
        }
        catch (InvalidOperationException finding)
        {
            return finding.Message;
        }
    }

    // Returns the message of the heap about an option that neither code nor configuration has set.
    private static string ForeignFinding(ArgumentOutOfRangeException finding)
    {
        string message = finding.Message.Split(" (Parameter", 2)[0].TrimEnd('.');
        string text = Convert.ToString(finding.ActualValue, CultureInfo.InvariantCulture) ?? "";
        return $"{message}, but is {text} by an AppContext setting or an environment variable.";
    }

    private static string? FindingOfCreation(HakmemHeapSettings settings)
    {
        try
        {
            new HakmemAllocator(settings.ToHeapOptions()).Dispose();
            return null;
        }
        catch (ArgumentOutOfRangeException finding)
        {
            return HeapFinding(settings, finding);
        }
        catch (InvalidOperationException finding)
        {
            return $"{Key(nameof(HakmemServiceOptions.Heap))}: {finding.Message}";
        }
    }

    // Returns the message of the heap, with the configuration's key and value in place of the property's name. A
    // message that does not begin with that name is returned as it is.
    private static string HeapFinding(HakmemHeapSettings settings, ArgumentOutOfRangeException finding)
    {
        string key = Key(nameof(HakmemServiceOptions.Heap));
        string property = $"{nameof(HakmemOptions)}.{finding.ParamName} ";
        string message = finding.Message.Split(" (Parameter", 2)[0];
        if (settings.ValueOf(finding.ParamName) is not { } value ||
            !message.StartsWith(property, StringComparison.Ordinal))
        {
            return $"{key}: {ForeignFinding(finding)}";
        }

        string text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        return $"{key}:{finding.ParamName} is {text}, and {message[property.Length..]}";
    }

    private static string Key(string name) => $"{HakmemServiceOptions.SectionName}:{name}";
}
