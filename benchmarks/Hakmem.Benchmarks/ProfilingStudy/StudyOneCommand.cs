using System;
using System.Globalization;
using System.Text.Json;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// The study's measuring process: <c>seed-one SCENARIO SUBJECT ROUNDS time|profile</c> prints one line of JSON. Not in
/// the help, and parsed by hand, for the same reason as <see cref="Runner.RunOneCommand"/>.
/// </summary>
internal static class StudyOneCommand
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "seed-one";

    private const string Profiled = "profile";

    /// <summary>The arguments that <see cref="Run"/> understands.</summary>
    public static string[] Arguments(StudyScenario scenario, string subject, int rounds, bool isProfiled) =>
        [Name, scenario.Name, subject, rounds.ToString(CultureInfo.InvariantCulture), isProfiled ? Profiled : "time"];

    /// <summary>Measures and prints.</summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        StudyScenario scenario = StudyScenario.Find(arguments[1]);
        Subject subject = SubjectCatalog.Find(arguments[2]);
        int rounds = int.Parse(arguments[3], CultureInfo.InvariantCulture);
        StudyMeasurement measurement = arguments[4] == Profiled
            ? StudyMeasurer.Profile(scenario, subject, rounds)
            : StudyMeasurer.Time(scenario, subject, rounds);
        Console.WriteLine(JsonSerializer.Serialize(measurement, StudyJsonContext.Default.StudyMeasurement));
        return 0;
    }
}
