using System.Collections.Generic;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>A report in the terms of a document, for the writers to lay out.</summary>
/// <param name="Title">Its title.</param>
/// <param name="Sections">Its sections, in order.</param>
internal sealed record Report(string Title, IReadOnlyList<ReportSection> Sections);
