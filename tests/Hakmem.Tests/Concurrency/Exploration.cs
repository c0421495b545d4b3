using System.Collections.Generic;

namespace Hakmem.Tests.Concurrency;

// What came of exploring a model: how many states it has, and the first violation with the steps that lead to it.
internal sealed record Exploration(int States, int Steps, string? Violation, IReadOnlyList<string> Trace)
{
    public override string ToString() => Violation is null
        ? $"{States} states, {Steps} transitions, no violation"
        : $"{Violation}\n  {string.Join("\n  ", Trace)}";
}
