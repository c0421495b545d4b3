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
        Parse(RunChild(RunOneCommand.Arguments(workload, subject, rounds), subject));

    /// <summary>Runs this program with some arguments as a subject needs it, and gives what it printed.</summary>
    /// <exception cref="MeasuringFailedException">The process failed or hung.</exception>
    public static string RunChild(IReadOnlyList<string> arguments, Subject subject)
    {
        Dictionary<string, string?> environment = [];
        if (subject.PreloadPath is { } library)
        {
            environment.Add(PreloadVariable, library);
        }

        return Run(arguments, environment);
    }

    /// <summary>Runs this program again and gives what it printed.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables that it gets, or, where the value is null, does not get, besides this process's own.</param>
    /// <exception cref="MeasuringFailedException">The process failed or hung.</exception>
    public static string Run(IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment)
    {
        using Process process = Process.Start(StartInfo(arguments, environment))
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

    private static ProcessStartInfo StartInfo(IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment)
    {
        string program = Environment.ProcessPath
            ?? throw new MeasuringFailedException("this program's own path is unknown");
        ProcessStartInfo start = new(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Started as "dotnet Hakmem.Benchmarks.dll", the program is the host and the assembly its first argument.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string? value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
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
