using System;
using System.Collections.Generic;
using System.CommandLine.Parsing;
using System.Linq;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What the commands have in common that let a user choose from a catalog by name.</summary>
internal static class CatalogChoice
{
    /// <summary>Names as a sentence shows them.</summary>
    public static string Names(IEnumerable<string> names) => string.Join(", ", names);

    /// <summary>
    /// Reads names, apart or separated by commas, and finds their entries; an unknown one is an error that lists all.
    /// </summary>
    public static T[] Parse<T>(ArgumentResult result, IReadOnlyList<T> all, Func<T, string> nameOf)
    {
        List<T> chosen = [];
        IEnumerable<string> names = result.Tokens
            .SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries));
        foreach (string name in names)
        {
            T? match = all.FirstOrDefault(entry => nameOf(entry).Equals(name, StringComparison.OrdinalIgnoreCase));
            if (match is null)
            {
                result.AddError($"There is no '{name}'. There are: {Names(all.Select(nameOf))}.");
                return [];
            }

            chosen.Add(match);
        }

        return [.. chosen];
    }

    /// <summary>Refuses numbers below one.</summary>
    public static void RequireAtLeastOne(OptionResult result)
    {
        if (result.GetValueOrDefault<int>() < 1)
        {
            result.AddError($"{result.Option.Name} must be at least 1.");
        }
    }
}
