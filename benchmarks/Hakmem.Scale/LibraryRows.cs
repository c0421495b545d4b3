using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text.Json;

namespace Hakmem.Scale;

/// <summary>
/// Runs rows of the benchmark program, which has the library as users get it, with 1, 2, 4 and so on workers.
/// </summary>
internal static class LibraryRows
{
    private const int Processes = 2;
    private const int Rounds = 3;

    private static readonly string[] s_workloads =
        ["private-16", "private-48", "private-64", "dealt-16", "dealt-48", "larson", "larson-tiny", "windows-2"];

    /// <summary>Measures all rows.</summary>
    /// <param name="assembly">The path of Hakmem.Benchmarks.dll.</param>
    /// <param name="onStarting">Told before each process what it measures.</param>
    public static IReadOnlyList<LibraryPoint> Measure(string assembly, Action<string> onStarting)
    {
        List<LibraryPoint> points = [];
        foreach (string workload in s_workloads)
        {
            double alone = 0;
            for (int workers = 1; workers <= Environment.ProcessorCount; workers *= 2)
            {
                onStarting($"{workload} with {workers}");
                double nanoseconds = Enumerable.Range(0, Processes).Min(_ => MeasureOne(assembly, workload, workers));
                alone = workers == 1 ? nanoseconds : alone;
                points.Add(new LibraryPoint(workload, workers, nanoseconds, alone / nanoseconds));
            }
        }

        return points;
    }

    private static double MeasureOne(string assembly, string workload, int workers)
    {
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true };
        string[] arguments = [assembly, "run-one", workload, "hakmem", Number(Rounds), Number(workers)];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)
            ?? throw new InvalidOperationException("The measuring process did not start.");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{workload} with {workers} workers ended with {process.ExitCode}.");
        }

        using JsonDocument document = JsonDocument.Parse(output);
        return document.RootElement.GetProperty("nanoseconds").GetDouble();
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
