using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Scale.Model;

/// <summary>How long the parts of the slow paths and the fast paths take on this machine.</summary>
/// <param name="nanoseconds">The means, by the part.</param>
/// <param name="others">What parts without a mean take, or null for what they took just now.</param>
internal sealed class CostTable(Dictionary<string, double> nanoseconds, double? others = null)
{
    /// <summary>The slow path of allocations.</summary>
    public const string TakePath = "take";

    /// <summary>The slow path of frees.</summary>
    public const string PutPath = "put";

    // A part that was timed more often does not get a better mean.
    private const int MaxSamples = 20_000;

    private readonly Dictionary<string, List<double>> _samples = [];

    /// <summary>The means, by the part.</summary>
    public Dictionary<string, double> Nanoseconds => nanoseconds;

    /// <summary>The cost of a part: its mean if there is one.</summary>
    /// <param name="part">The part.</param>
    /// <param name="measured">What it took just now.</param>
    public double Of(string part, double measured) => nanoseconds.GetValueOrDefault(part, others ?? measured);

    /// <summary>Adds a sample of a part that has no mean yet.</summary>
    public void Learn(string part, double measured)
    {
        if (nanoseconds.ContainsKey(part))
        {
            return;
        }

        if (!_samples.TryGetValue(part, out List<double>? samples))
        {
            _samples.Add(part, samples = []);
        }

        if (samples.Count < MaxSamples)
        {
            samples.Add(measured);
        }
    }

    /// <summary>Adds the time of a path, either timed as a whole or as the sum of its parts.</summary>
    public void LearnPath(string path, bool isWhole, double measured) =>
        Learn(isWhole ? Whole(path) : Sum(path), measured);

    /// <summary>
    /// The mean without the longest twentieth, which were interrupted. A median would be as coarse as the clock, whose
    /// step may be longer than a part.
    /// </summary>
    public static double MeanOfUsual(IReadOnlyCollection<double> samples) =>
        samples.Order().Take(Math.Max(1, samples.Count * 19 / 20)).Average();

    /// <summary>The table with the means of what was learnt.</summary>
    public CostTable Complete()
    {
        Dictionary<string, double> all = new(nanoseconds);
        foreach ((string part, List<double> samples) in _samples)
        {
            all[part] = Math.Max(0, MeanOfUsual(samples));
        }

        // Recording makes the parts longer by more than it takes in a loop of its own. So the parts become as long as
        // whole paths are of which no part was recorded.
        foreach (string path in (string[])[TakePath, PutPath])
        {
            all.TryGetValue(Whole(path), out double whole);
            double factor = all.TryGetValue(Sum(path), out double sum) && sum > 0 && whole > 0 ? whole / sum : 1;
            foreach (string part in _samples.Keys.Where(part => part.StartsWith(path + ":", StringComparison.Ordinal)))
            {
                all[part] *= factor;
            }
        }

        return new CostTable(all);
    }

    private static string Whole(string path) => $"whole {path}";

    private static string Sum(string path) => $"parts of {path}";
}
