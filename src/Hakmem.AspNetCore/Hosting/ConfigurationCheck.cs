using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.Extensions.Configuration;

namespace Hakmem.AspNetCore.Hosting;

// One mistake: the whole path of its key, and what to tell of it.
internal sealed record ConfigurationFinding(string Path, string Message);

// Says what is wrong with a configuration before the binder does, which names a property of a class where the reader
// knows a key, and only the first. A key with a slip in it is an error: a limit that silently is none is found out at
// the worst time.
//
// The keys are the properties that the binder sets.
internal static class ConfigurationCheck
{
    // In the section itself, and in the sections within it.
    public static readonly ConfigurationKey[] OwnKeys = ConfigurationKey.AllOf(typeof(HakmemServiceOptions));

    public static readonly (string Name, ConfigurationKey[] Keys)[] Sections =
    [
        (nameof(HakmemServiceOptions.Heap), ConfigurationKey.AllOf(typeof(HakmemHeapSettings))),
        (nameof(HakmemServiceOptions.Pool), ConfigurationKey.AllOf(typeof(HakmemPoolSettings))),
        (nameof(HakmemServiceOptions.Kestrel), ConfigurationKey.AllOf(typeof(PinnedMemoryPoolOptions))),
    ];

    public static IEnumerable<ConfigurationFinding> Findings(IConfigurationSection section) =>
        ValueFindings(section).Concat(section.GetChildren().SelectMany(child => OwnFindings(section, child)));

    private static IEnumerable<ConfigurationFinding> OwnFindings(
        IConfigurationSection section, IConfigurationSection child)
    {
        foreach ((string name, ConfigurationKey[] keys) in Sections)
        {
            if (IsSame(name, child.Key))
            {
                return ValueFindings(child)
                    .Concat(child.GetChildren().SelectMany(entry => KeyFindings(child, entry, keys, [])));
            }
        }

        return KeyFindings(section, child, OwnKeys, Sections.Select(known => known.Name));
    }

    // A section has keys, not a value of its own. (An empty text is what some providers have for it.)
    private static IEnumerable<ConfigurationFinding> ValueFindings(IConfigurationSection section)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            yield return new(section.Path, $"{section.Path} is '{section.Value}', and must be a section with keys.");
        }
    }

    private static IEnumerable<ConfigurationFinding> KeyFindings(
        IConfigurationSection section,
        IConfigurationSection entry,
        ConfigurationKey[] keys,
        IEnumerable<string> sections)
    {
        ConfigurationKey? key = keys.FirstOrDefault(candidate => IsSame(candidate.Name, entry.Key));
        if (key is null)
        {
            string[] known = [.. keys.Select(candidate => candidate.Name), .. sections];
            yield return new(entry.Path, Unknown(section.Path, entry.Key, known));
            yield break;
        }

        foreach (IConfigurationSection child in entry.GetChildren())
        {
            yield return new(child.Path, $"{child.Path} is not known: {entry.Path} is a value, not a section.");
        }

        // No value at all, and an empty one, leave the default, as the binder has it.
        if (!string.IsNullOrEmpty(entry.Value) && !key.IsUnderstood(entry.Value))
        {
            yield return new(entry.Path, $"{entry.Path} is '{entry.Value}', and must be {key.Demand}.");
        }
    }

    private static string Unknown(string path, string name, string[] known)
    {
        string nearest = known.MinBy(candidate => Distance(name, candidate))!;
        string hint = Distance(name, nearest) <= Math.Max(1, nearest.Length / 3) ? $" Is {path}:{nearest} meant?" : "";
        string all = string.Join(", ", known.Select(candidate => $"{path}:{candidate}"));
        return $"{path}:{name} is not known.{hint} Known are {all}.";
    }

    private static bool IsSame(string name, string other) =>
        string.Equals(name, other, StringComparison.OrdinalIgnoreCase);

    // How many letters have to be put in, left out or changed to come from one to the other (Levenshtein), whatever
    // their case.
    private static int Distance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                bool isSame = char.ToUpperInvariant(from[i - 1]) == char.ToUpperInvariant(to[j - 1]);
                int changed = diagonal + (isSame ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }
}
