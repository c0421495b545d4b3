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
        List<string> findings =
        [
            .. options.ConfigurationFindings, .. HeapFindings(options), .. SharedHeapFindings(),
            .. PoolFindings(options.Pool),
        ];
        findings.AddRange(PinnedMemoryPoolOptionsCheck.Findings(options.Kestrel)
            .Select(finding => $"{Key(nameof(options.Kestrel))}:{finding}"));
        return findings.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(findings);
    }

    private IEnumerable<string> HeapFindings(HakmemServiceOptions options)
    {
        if (choice.IsIsolated is null)
        {
            string[] keys = [.. HeapKeys(options), .. OtherKeysOfAddHakmem(options)];
            if (keys.Length > 0)
            {
                yield return $"{AreSet(keys)}, which has no effect, because AddHakmem was not called. Call it, or " +
                    "remove the settings.";
            }
        }
        else if (choice.UsesExistingAllocator)
        {
            string[] keys = [.. HeapKeys(options)];
            if (keys.Length > 0)
            {
                yield return $"{AreSet(keys)}, which has no effect, because a " +
                    $"{nameof(HakmemAllocator)} was registered before AddHakmem. Set the options where that " +
                    "allocator is created, or remove its registration so that AddHakmem registers one.";
            }
        }
        else if (choice.IsIsolated != options.Isolated && options.ConfigurationFindings.Count == 0)
        {
            yield return $"{Key(nameof(options.Isolated))} is {options.Isolated}, but was {choice.IsIsolated} when " +
                "AddHakmem was called, which made the choice. Set it before, or in the argument of AddHakmem.";
        }
        else if (!options.Isolated && options.Heap.IsAnythingSet)
        {
            yield return $"{AreSet([.. HeapKeys(options)])}, which has no effect on the shared heap. Set " +
                $"{Key(nameof(options.Isolated))} to true for a heap with these settings, or set those of the shared " +
                "heap in AppContext or the environment.";
        }
        else if (options.Isolated)
        {
            foreach (string finding in FindingsOfCreation(options.Heap))
            {
                yield return finding;
            }
        }
    }

    private static string AreSet(string[] keys) =>
        $"{string.Join(", ", keys)} {(keys.Length == 1 ? "is" : "are")} set";

    // Returns the configured keys that apply to a heap that AddHakmem would create.
    private static IEnumerable<string> HeapKeys(HakmemServiceOptions options) =>
        (options.Isolated ? new[] { Key(nameof(options.Isolated)) } : [])
            .Concat(options.Heap.ConfiguredKeys.Select(name => $"{Key(nameof(options.Heap))}:{name}"));

    // Returns the other keys without a meaning unless AddHakmem is called, if their values are not the default ones.
    private static IEnumerable<string> OtherKeysOfAddHakmem(HakmemServiceOptions options) =>
        (string.IsNullOrEmpty(options.MetricsName) ? [] : new[] { Key(nameof(options.MetricsName)) })
            .Concat(options.Pool.ChangedKeys.Select(name => $"{Key(nameof(options.Pool))}:{name}"));

    // A wrong setting of the shared heap, which would fail every request that uses memory.
    private IEnumerable<string> SharedHeapFindings()
    {
        Exception? failure = choice.UsesSharedHeap ? FailureOf(() => HakmemAllocator.Shared.GetStatistics()) : null;
        return failure is null ? [] : [$"The shared heap cannot be created: {ForeignFinding(failure)}"];
    }

    private static IEnumerable<string> PoolFindings(HakmemPoolSettings settings)
    {
        string pool = Key(nameof(HakmemServiceOptions.Pool));
        bool isMaxRight = settings.MaxBufferSize >= 1;
        if (!isMaxRight)
        {
            yield return $"{pool}:{nameof(settings.MaxBufferSize)} is {settings.MaxBufferSize}, " +
                "and must be at least 1.";
        }

        if (settings.DefaultBufferSize < 1 || (settings.DefaultBufferSize > settings.MaxBufferSize && isMaxRight))
        {
            string range = isMaxRight
                ? $"from 1 to {nameof(settings.MaxBufferSize)}, which is {settings.MaxBufferSize}"
                : "at least 1";
            yield return $"{pool}:{nameof(settings.DefaultBufferSize)} is {settings.DefaultBufferSize}, " +
                $"and must be {range}.";
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

    // A heap names one wrong option at a time, so what it has named is left out of the next.
    private static List<string> FindingsOfCreation(HakmemHeapSettings settings)
    {
        List<string> findings = [];
        HashSet<string> named = [];
        bool isMore = true;
        while (isMore && FailureOf(() => new HakmemAllocator(settings.ToHeapOptions(named)).Dispose()) is { } failure)
        {
            string name = (failure as ArgumentException)?.ParamName ?? "";
            bool isConfigured = settings.ValueOf(name) is not null;
            isMore = isConfigured && named.Add(name);
            if (isMore || !isConfigured)
            {
                findings.Add(HeapFinding(settings, failure));
            }
        }

        return findings;
    }

    // Returns only what a setting causes: a process without room for a heap has another problem.
    private static Exception? FailureOf(Action use)
    {
        try
        {
            use();
            return null;
        }
        catch (Exception failure) when (failure is ArgumentOutOfRangeException or InvalidOperationException)
        {
            return failure;
        }
    }

    // Returns the message of the heap, with the configuration's key and value in place of the property's name. A
    // message that does not begin with that name is returned as it is.
    private static string HeapFinding(HakmemHeapSettings settings, Exception failure)
    {
        string key = Key(nameof(HakmemServiceOptions.Heap));
        if (failure is not ArgumentOutOfRangeException finding || settings.ValueOf(finding.ParamName) is not { } value)
        {
            return $"{key}: {ForeignFinding(failure)}";
        }

        string property = $"{nameof(HakmemOptions)}.{finding.ParamName} ";
        string message = MessageOf(finding);
        return message.StartsWith(property, StringComparison.Ordinal)
            ? $"{key}:{finding.ParamName} is {TextOf(value)}, and {message[property.Length..]}"
            : $"{key}: {message}";
    }

    // Returns the message about an option that neither code nor configuration has set.
    private static string ForeignFinding(Exception failure) => failure is ArgumentOutOfRangeException finding
        ? $"{MessageOf(finding).TrimEnd('.')}, but is {TextOf(finding.ActualValue)} by an AppContext setting or an " +
            "environment variable."
        : failure.Message;

    private static string MessageOf(ArgumentOutOfRangeException finding) => finding.Message.Split(" (Parameter", 2)[0];

    private static string TextOf(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private static string Key(string name) => $"{HakmemServiceOptions.SectionName}:{name}";
}
