using System;
using System.Globalization;
using System.Text.Json;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>
/// The measuring process: <c>run-one WORKLOAD SUBJECT ROUNDS WORKERS</c> prints one line of JSON. WORKERS is the
/// number of workers, if it is not the workload's own. Not in the help, and parsed by hand: a command-line parser in
/// the same process would be memory and compiled code that the cold rows then count.
/// </summary>
internal static class RunOneCommand
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "run-one";

    /// <summary>The arguments that <see cref="Run"/> understands.</summary>
    public static string[] Arguments(Workload workload, Subject subject, int rounds) =>
    [
        Name, workload.Name, subject.Name, rounds.ToString(CultureInfo.InvariantCulture),
        workload.WorkerCount.ToString(CultureInfo.InvariantCulture),
    ];

    /// <summary>Measures and prints.</summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        Workload workload = WorkloadOf(arguments);
        Subject subject = SubjectCatalog.Find(arguments[2]);
        int rounds = int.Parse(arguments[3], CultureInfo.InvariantCulture);
        Measurement measurement = new Measurer(workload, subject).Measure(rounds);
        Console.WriteLine(JsonSerializer.Serialize(measurement, ResultsJsonContext.Default.Measurement));
        return 0;
    }

    /// <summary>The workload that arguments name, with as many workers as they say.</summary>
    public static Workload WorkloadOf(ReadOnlySpan<string> arguments)
    {
        Workload workload = WorkloadCatalog.Find(arguments[1]);
        int workerCount = int.Parse(arguments[4], CultureInfo.InvariantCulture);
        return workerCount == workload.WorkerCount ? workload : workload.WithWorkers(workerCount);
    }
}
