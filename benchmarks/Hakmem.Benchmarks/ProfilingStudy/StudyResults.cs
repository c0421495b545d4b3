using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>A whole run of the study.</summary>
internal sealed record StudyResults
{
    /// <summary>Where it was made.</summary>
    public required BenchmarkEnvironment Environment { get; init; }

    /// <summary>Timed processes for each row.</summary>
    public required int Rounds { get; init; }

    /// <summary>How long the run took, in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>The rows, by scenario in the order of the report.</summary>
    public required IReadOnlyList<StudyRow> Rows { get; init; }

    /// <summary>What went wrong.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>One row, or null if it was not measured.</summary>
    public StudyRow? Find(StudyScenario scenario, string subject, string? configuration = null) =>
        Rows.FirstOrDefault(row => row.Scenario == scenario.Name && row.Subject == subject &&
            row.Configuration == (configuration ?? StudyConfiguration.Default.Name));

    /// <summary>Hakmem's row, or null if it was not measured.</summary>
    public StudyRow? Ours(StudyScenario scenario, string? configuration = null) =>
        Find(scenario, SubjectCatalog.Hakmem, configuration);
}
