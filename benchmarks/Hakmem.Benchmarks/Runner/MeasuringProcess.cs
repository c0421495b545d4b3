using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>Starts this program again to measure one workload with one subject (see <see cref="RunOneCommand"/> and
/// <see cref="ProfilingStudy.StudyOneCommand"/>).</summary>
internal static class MeasuringProcess
{
    private const string PreloadVariable = "LD_PRELOAD";
    private static readonly TimeSpan s_timeLimit = TimeSpan.FromMinutes(2);

    /// <summary>Measures in a new process.</summary>
    /// <exception cref="MeasuringFailedException">The process failed, hung or printed something else.</exception>
    public static Measurement Run(Workload workload, Subject subject, int rounds) =>
        Parse(RunChild(RunOneCommand.Arguments(workload, subject, rounds), subject), workload);

    /// <summary>Measures in a new process of another build of this program.</summary>
    /// <param name="assembly">The path of its Hakmem.Benchmarks.dll.</param>
    /// <param name="workload">The workload.</param>
    /// <param name="subject">The subject.</param>
    /// <param name="rounds">Timed rounds.</param>
    /// <exception cref="MeasuringFailedException">The process failed, hung or printed something else.</exception>
    public static Measurement Run(string assembly, Workload workload, Subject subject, int rounds)
    {
        ProcessStartInfo start = new("dotnet", [assembly, .. RunOneCommand.Arguments(workload, subject, rounds)]);
        return Parse(Run(start, EnvironmentOf(subject)), workload);
    }

    /// <summary>Runs this program with some arguments as a subject needs it, and gives what it printed.</summary>
    /// <exception cref="MeasuringFailedException">The process failed or hung.</exception>
    public static string RunChild(IReadOnlyList<string> arguments, Subject subject) =>
        Run(arguments, EnvironmentOf(subject));

    /// <summary>Runs this program again and gives what it printed.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables that it gets, or, where the value is null, does not get, besides this process's own.</param>
    /// <exception cref="MeasuringFailedException">The process failed or hung.</exception>
    public static string Run(IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment) =>
        Run(StartInfo(arguments), environment);

    private static Dictionary<string, string?> EnvironmentOf(Subject subject) =>
        subject.PreloadPath is { } library ? new() { [PreloadVariable] = library } : [];

    private static string Run(ProcessStartInfo start, IReadOnlyDictionary<string, string?> environment)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach ((string name, string? value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)
            ?? throw new MeasuringFailedException("the process did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_timeLimit))
        {
            process.Kill();
            throw new MeasuringFailedException($"still running after {s_timeLimit.TotalSeconds:0} s");
        }

        return process.ExitCode == 0
            ? output.Result
            : throw new MeasuringFailedException($"exit code {process.ExitCode}: {FirstLine(errors.Result)}");
    }

    private static ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        string program = Environment.ProcessPath
            ?? throw new MeasuringFailedException("this program's own path is unknown");
        ProcessStartInfo start = new(program);

        // Started as "dotnet Hakmem.Benchmarks.dll", the program is the host and the assembly its first argument.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    /// <summary>Reads what a process printed that was to measure a workload.</summary>
    /// <exception cref="MeasuringFailedException">It is no result, or that of another number of workers.</exception>
    public static Measurement Parse(string output, Workload workload)
    {
        Measurement measurement = Parse(output);

        // Programs that do not say how many workers there were know only the workload with all of them.
        int workerCount = measurement.WorkerCount ?? WorkloadCatalog.Find(workload.Name).WorkerCount;
        return workerCount == workload.WorkerCount
            ? measurement
            : throw new MeasuringFailedException(
                $"the process measured {workerCount} workers, not {workload.WorkerCount}");
    }

    private static Measurement Parse(string output)
    {
        try
        {
            return JsonSerializer.Deserialize(output, ResultsJsonContext.Default.Measurement)
                ?? throw new MeasuringFailedException("the process printed null");
        }
        catch (JsonException failure)
        {
            throw new MeasuringFailedException($"the process printed no result: {FirstLine(output)}", failure);
        }
    }

    private static string FirstLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? "no message";
}
