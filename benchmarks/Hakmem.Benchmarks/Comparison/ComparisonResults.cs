using System.Collections.Generic;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>What a comparison found.</summary>
/// <param name="Rows">The rows that both builds have measured.</param>
/// <param name="Failures">The rows that one of them could not, a sentence each.</param>
internal sealed record ComparisonResults(IReadOnlyList<ComparisonRow> Rows, IReadOnlyList<string> Failures);
