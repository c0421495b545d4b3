using System.Collections.Generic;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>A table of text: the first column names the row.</summary>
/// <param name="Caption">A line above it.</param>
/// <param name="Headers">The columns.</param>
/// <param name="Rows">The rows, each as long as the headers.</param>
internal sealed record ReportTable(string Caption, IReadOnlyList<string> Headers, IReadOnlyList<IReadOnlyList<string>> Rows);
