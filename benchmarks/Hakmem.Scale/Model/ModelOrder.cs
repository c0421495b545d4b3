using System.Collections.Generic;

namespace Hakmem.Scale.Model;

/// <summary>What a process that simulates one point is told.</summary>
/// <param name="Scenario">The scenario's name.</param>
/// <param name="Processors">How many processors there are.</param>
/// <param name="Assumptions">What is not measured.</param>
/// <param name="Nanoseconds">What was measured: the means, by the part.</param>
internal sealed record ModelOrder(
    string Scenario, int Processors, Assumptions Assumptions, Dictionary<string, double> Nanoseconds);
