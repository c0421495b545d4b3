using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.AspNetCore.Pooling;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Hosting;

// Says at the host's start everything that is wrong, each with its configuration key. The heap's ranges are not repeated
// here: a heap is made for trial (which commits no memory), so that the two cannot come to differ.
internal sealed class HakmemServiceOptionsValidator(HakmemHeapChoice choice) : IValidateOptions<HakmemServiceOptions>
{
    public ValidateOptionsResult Validate(string? name, HakmemServiceOptions options)
    {
        List<string> findings = [.. HeapFindings(options), .. PoolFindings(options.Pool)];
        findings.AddRange(PinnedMemoryPoolOptionsCheck.Findings(options.Kestrel)
            .Select(finding => $"{Key(nameof(options.Kestrel))}:{finding}"));
        return findings.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(findings);
    }

    private IEnumerable<string> HeapFindings(HakmemServiceOptions options)
    {
        if (choice.UsesExistingAllocator)
        {
            string[] keys = [.. KeysOfAHeap(options)];
            if (keys.Length > 0)
            {
                yield return $"{string.Join(", ", keys)} {(keys.Length == 1 ? "is" : "are")} set, which does nothing: the service had registered a " +
                    $"{nameof(HakmemAllocator)} of its own before AddHakmem was called. Set its options where it is made, or leave it to AddHakmem to register one.";
            }
        }
        else if (choice.IsIsolated is { } chosen && chosen != options.Isolated)
        {
            yield return $"{Key(nameof(options.Isolated))} is {options.Isolated}, but was {chosen} when AddHakmem was called, which settled it.";
        }
        else if (!options.Isolated && options.Heap.IsAnythingSet)
        {
            yield return $"{Key(nameof(options.Heap))} is set, which does nothing to the shared heap. Set {Key(nameof(options.Isolated))} to " +
                "true for a heap with these settings, or the shared heap's settings in AppContext or the environment.";
        }
        else if (options.Isolated && FindingOfATrial(options.Heap) is { } finding)
        {
            yield return finding;
        }
    }

    // The keys of what is set for a heap that AddHakmem would make.
    private static IEnumerable<string> KeysOfAHeap(HakmemServiceOptions options) =>
        (options.Isolated ? new[] { Key(nameof(options.Isolated)) } : [])
            .Concat(options.Heap.ConfiguredKeys.Select(name => $"{Key(nameof(options.Heap))}:{name}"));

    private static IEnumerable<string> PoolFindings(HakmemPoolSettings settings)
    {
        if (settings.MaxBufferSize < 1)
        {
            yield return $"{Key("Pool")}:{nameof(settings.MaxBufferSize)} is {settings.MaxBufferSize}, and must be at least 1.";
        }
        else if (settings.DefaultBufferSize < 1 || settings.DefaultBufferSize > settings.MaxBufferSize)
        {
            yield return $"{Key("Pool")}:{nameof(settings.DefaultBufferSize)} is {settings.DefaultBufferSize}, and must be from 1 to " +
                $"{nameof(settings.MaxBufferSize)}, which is {settings.MaxBufferSize}.";
        }

        if (settings.MaxBytes < 0)
        {
            yield return $"{Key("Pool")}:{nameof(settings.MaxBytes)} is {settings.MaxBytes}, and must be 0 (no limit) or more.";
        }

        if (!Enum.IsDefined(settings.LeakTracking))
        {
            yield return $"{Key("Pool")}:{nameof(settings.LeakTracking)} is {settings.LeakTracking}, and must be one of {string.Join(", ", Enum.GetNames<LeakTracking>())}.";
        }
    }

    private static string? FindingOfATrial(HakmemHeapSettings settings)
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

    // In the heap's words, with the configuration's key and value in the place of the property. Where those words come
    // to be others, whole.
    private static string HeapFinding(HakmemHeapSettings settings, ArgumentOutOfRangeException finding)
    {
        string key = Key(nameof(HakmemServiceOptions.Heap));
        string property = $"{nameof(HakmemOptions)}.{finding.ParamName} ";
        string message = finding.Message.Split(" (Parameter", 2)[0];
        if (settings.ValueOf(finding.ParamName) is not { } value || !message.StartsWith(property, StringComparison.Ordinal))
        {
            return $"{key}: {finding.Message}";
        }

        return $"{key}:{finding.ParamName} is {Convert.ToString(value, CultureInfo.InvariantCulture)}, and {message[property.Length..]}";
    }

    private static string Key(string name) => $"{HakmemServiceOptions.SectionName}:{name}";
}
