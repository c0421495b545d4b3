using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Scale.Model;

/// <summary>How long the parts of the slow paths and the fast paths take on this machine.</summary>
/// <param name="nanoseconds">The means, by the part.</param>
internal sealed class CostTable(Dictionary<string, double> nanoseconds)
{
    // A part that was timed more often does not get a better mean.
    private const int MaxSamples = 20_000;

    private readonly Dictionary<string, List<double>> _samples = [];

    /// <summary>The means, by the part.</summary>
    public Dictionary<string, double> Nanoseconds => nanoseconds;

    /// <summary>The cost of a part: its mean if there is one, else what it took just now.</summary>
    public double Of(string part, double measured) => nanoseconds.GetValueOrDefault(part, measured);

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

        return new CostTable(all);
    }
}
