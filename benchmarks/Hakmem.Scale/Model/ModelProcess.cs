using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Reflection;
using System.Text.Json;
using Hakmem.Records;

namespace Hakmem.Scale.Model;

/// <summary>
/// Simulates one point in a process of its own: the library asks once in a process how many processors there are, and
/// divides depots into stripes by that.
/// </summary>
internal static class ModelProcess
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "model-one";

    private const string CountVariable = "DOTNET_PROCESSOR_COUNT";
    private const double SmallBlocksNanoseconds = 2_000_000;
    private const double LargeBlocksNanoseconds = 40_000_000;
    private const int LargeBlockBytes = 32 << 10;

    /// <summary>Virtual time of a run, long enough for some hundred exchanges of each thread.</summary>
    public static double NanosecondsFor(Scenario scenario) =>
        scenario.BlockBytes >= LargeBlockBytes ? LargeBlocksNanoseconds : SmallBlocksNanoseconds;

    /// <summary>Simulates in a new process.</summary>
    /// <exception cref="InvalidOperationException">The process failed.</exception>
    public static ModelPoint Run(ModelOrder order)
    {
        // Started as "dotnet Hakmem.Scale.dll", the program is the host and the assembly its first argument.
        string program = Environment.ProcessPath ?? "dotnet";
        ProcessStartInfo start = new(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        }

        start.ArgumentList.Add(Name);
        start.Environment[CountVariable] = order.Processors.ToString(CultureInfo.InvariantCulture);
        using Process process = Process.Start(start)
            ?? throw new InvalidOperationException("The simulating process did not start.");
        process.StandardInput.Write(JsonSerializer.Serialize(order, ScaleJsonContext.Default.ModelOrder));
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize(output, ScaleJsonContext.Default.ModelPoint)!
            : throw new InvalidOperationException($"The simulating process ended with {process.ExitCode}.");
    }

    /// <summary>The simulating process: an order from standard input, a point to standard output.</summary>
    public static int RunOne()
    {
        ModelOrder order = JsonSerializer.Deserialize(Console.In.ReadToEnd(), ScaleJsonContext.Default.ModelOrder)
            ?? throw new InvalidDataException("There is no order.");
        if (Stripe.Count != Stripe.CountFor(order.Processors))
        {
            throw new InvalidOperationException($"There are {Stripe.Count} stripes for {order.Processors} processors.");
        }

        Scenario scenario = Scenario.Find(order.Scenario);
        double nanoseconds = NanosecondsFor(scenario);
        CostTable costs = Simulation.Learn(
            scenario, order.Processors, order.Assumptions, new CostTable(order.Nanoseconds), nanoseconds);
        ModelPoint point = Simulation.Run(scenario, order.Processors, order.Assumptions, costs, nanoseconds);
        Console.WriteLine(JsonSerializer.Serialize(point, ScaleJsonContext.Default.ModelPoint));
        return 0;
    }
}
