using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;

namespace Hakmem;

/// <summary>
/// The result of a consistency check of a heap's own records. Get one from <see cref="HakmemAllocator.Verify"/>.
/// </summary>
/// <remarks>A copy, which later calls do not change.</remarks>
[DebuggerDisplay("{SuperSlabs} SuperSlabs, {Spans} spans, {Problems.Count} problems")]
public sealed record HakmemVerification
{
    /// <summary>Whether every invariant that was checked holds.</summary>
    public bool IsSound => Problems.Count == 0;

    /// <summary>
    /// One line for each invariant that does not hold: the address of the SuperSlab, span or run, what should hold
    /// there, and the value that was found. At most 100, and then one that says how many more there are. Empty if the
    /// heap is sound.
    /// </summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>How many SuperSlabs were checked.</summary>
    public int SuperSlabs { get; init; }

    /// <summary>How many spans were checked.</summary>
    public int Spans { get; init; }

    /// <summary>What was checked, and the problems, a line for each.</summary>
    /// <returns>One line if the heap is sound; in invariant culture, without a newline at the end.</returns>
    public override string ToString()
    {
        string verdict = IsSound ? "sound" : string.Create(CultureInfo.InvariantCulture, $"{Problems.Count} problems");
        string text = string.Create(CultureInfo.InvariantCulture, $"{SuperSlabs} SuperSlabs, {Spans} spans: {verdict}");
        return IsSound ? text : text + "\n" + string.Join("\n", Problems);
    }
}
