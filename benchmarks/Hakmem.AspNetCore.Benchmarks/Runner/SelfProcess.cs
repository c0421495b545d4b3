using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.AspNetCore.Benchmarks.Runner;

/// <summary>Starts this program again to measure one thing, and reads the line of JSON that it prints.</summary>
internal static class SelfProcess
{
    private static readonly TimeSpan s_timeLimit = TimeSpan.FromMinutes(3);

    /// <summary>Measures in a new process.</summary>
    /// <exception cref="MeasuringFailedException">The process failed, hung or printed something else.</exception>
    public static T Run<T>(JsonTypeInfo<T> type, params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_timeLimit))
        {
            process.Kill();
            throw new MeasuringFailedException($"still running after {s_timeLimit.TotalSeconds:0} s");
        }

        if (process.ExitCode != 0)
        {
            throw new MeasuringFailedException($"exit code {process.ExitCode}: {errors.Result.Split('\n').FirstOrDefault()}");
        }

        return JsonSerializer.Deserialize(output.Result, type) ?? throw new MeasuringFailedException("the process printed null");
    }

    /// <summary>Starts a process that the caller talks to, by all three of its standard streams, and ends.</summary>
    /// <exception cref="MeasuringFailedException">The process did not start.</exception>
    public static Process Start(params string[] arguments) => Process.Start(StartInfo(arguments))
        ?? throw new MeasuringFailedException("the process did not start");

    private static ProcessStartInfo StartInfo(string[] arguments)
    {
        string program = Environment.ProcessPath
            ?? throw new MeasuringFailedException("this program's own path is unknown");
        ProcessStartInfo start = new(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };

        // Started as "dotnet Program.dll", the program is the host and the assembly its first argument.
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
}
