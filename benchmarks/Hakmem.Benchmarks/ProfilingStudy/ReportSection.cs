using System.Collections.Generic;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>A part of a report under one heading.</summary>
/// <param name="Heading">The heading.</param>
/// <param name="Paragraphs">Text before the tables.</param>
/// <param name="Tables">The tables.</param>
/// <param name="Charts">What the charts show; left out where there is only text.</param>
internal sealed record ReportSection(
    string Heading, IReadOnlyList<string> Paragraphs, IReadOnlyList<ReportTable> Tables, IReadOnlyList<BarChart> Charts);
