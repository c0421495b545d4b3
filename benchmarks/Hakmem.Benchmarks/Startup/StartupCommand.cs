using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.ProfilingStudy;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.Benchmarks.Startup;

/// <summary>The <c>startup</c> command: what does it cost a short program that its memory is from Hakmem?</summary>
internal static class StartupCommand
{
    // What was promised: so much more than the same program over NativeMemory, at most.
    private const double MaxMs = 5;
    private const double MaxMiB = 2;

    // Other programs disturb every process by more than is looked for. The median of so many pairs has a standard error of about half a millisecond,
    // that of 30 one of about a millisecond.
    private const int DefaultPairs = 150;
    private const double BytesPerMiB = 1 << 20;

    private static readonly string[] s_programs = [StartupOneCommand.Native, StartupOneCommand.Hakmem, StartupOneCommand.Loaded];

    private static readonly Option<int> s_pairs = new("--pairs")
    {
        Description = "How often each program is started.",
        DefaultValueFactory = _ => DefaultPairs,
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("startup", "Starts two small programs by turns, one over NativeMemory and one over Hakmem, and compares; fails if Hakmem costs more than it may.")
        {
            s_pairs,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        int pairs = parsed.GetValue(s_pairs);
        Dictionary<string, List<StartupSample>> samples = s_programs.ToDictionary(program => program, _ => new List<StartupSample>());

        // The first of each fetches files from the disk; whose turn comes first changes, as does the machine.
        foreach (string program in s_programs)
        {
            StartupSample.Take(program);
        }

        for (int pair = 0; pair < pairs; pair++)
        {
            for (int turn = 0; turn < s_programs.Length; turn++)
            {
                string program = s_programs[(pair + turn) % s_programs.Length];
                samples[program].Add(StartupSample.Take(program));
            }
        }

        return Report(TerminalConsole.Create(), samples) ? 0 : 1;
    }

    private static bool Report(IAnsiConsole console, Dictionary<string, List<StartupSample>> samples)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Current();
        console.WriteLine($"{environment.Cpu}, {environment.ProcessorCount} processors, {environment.Runtime}, {environment.Date:yyyy-MM-dd}; load {environment.LoadAverage:0.0}");
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumns("program", "wall ms, fastest", "wall ms, median", "first use ms, fastest", "first use ms, median", "cpu ms, least", "cpu ms, median", "resident MiB", "peak MiB", "threads");
        foreach (string program in s_programs)
        {
            List<StartupSample> own = samples[program];
            table.AddRow(
                program, Text(own.Min(sample => sample.WallMs)), Text(Median(own, sample => sample.WallMs)), Text(own.Min(sample => sample.UseMs)), Text(Median(own, sample => sample.UseMs)),
                Text(own.Min(sample => sample.CpuMs)), Text(Median(own, sample => sample.CpuMs)),
                Text(Median(own, sample => sample.ResidentBytes) / BytesPerMiB), Text(Median(own, sample => sample.PeakBytes) / BytesPerMiB),
                Text(Median(own, sample => sample.Threads)));
        }

        console.Write(table);
        bool holds = true;
        foreach (string program in s_programs.Skip(1))
        {
            List<StartupSample> own = samples[program];
            List<StartupSample> native = samples[StartupOneCommand.Native];
            double fastestMs = own.Min(sample => sample.WallMs) - native.Min(sample => sample.WallMs);
            double medianMs = Spread.Of(own.Zip(native, (one, other) => one.WallMs - other.WallMs)).Median;
            double residentMiB = (Median(own, sample => sample.ResidentBytes) - Median(native, sample => sample.ResidentBytes)) / BytesPerMiB;
            double peakMiB = (Median(own, sample => sample.PeakBytes) - Median(native, sample => sample.PeakBytes)) / BytesPerMiB;
            bool isWithin = fastestMs < MaxMs && medianMs < MaxMs && residentMiB < MaxMiB && peakMiB < MaxMiB;
            holds &= isWithin;
            console.WriteLine(
                $"{program} beside {StartupOneCommand.Native}: {Text(fastestMs)} ms (fastest), {Text(medianMs)} ms (median of {own.Count} pairs), " +
                $"{Text(residentMiB)} MiB resident, {Text(peakMiB)} MiB at the peak: {(isWithin ? "within" : "NOT within")} {MaxMs} ms and {MaxMiB} MiB.");
        }

        return holds;
    }

    private static double Median(List<StartupSample> samples, Func<StartupSample, double> figure) => Spread.Of(samples.Select(figure)).Median;

    private static string Text(double figure) => figure.ToString("0.00", CultureInfo.InvariantCulture);
}
