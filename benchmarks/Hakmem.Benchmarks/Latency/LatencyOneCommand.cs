using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text.Json;
using System.Threading;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Latency;

/// <summary>The measuring process: <c>latency-one PATTERN SUBJECT CALLS BURSTS</c> prints one line of JSON. Not in the help.</summary>
internal static class LatencyOneCommand
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "latency-one";

    // As in Measurer: bursts of short calls with pauses, until the runtime has compiled its final code.
    private const int CallsPerBurst = 40;
    private const long WarmUpOperations = 2_000;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The arguments that <see cref="Run"/> understands.</summary>
    public static string[] Arguments(LatencyPattern pattern, Subject subject, long calls, int warmUpBursts) =>
        [Name, pattern.Name, subject.Name, calls.ToString(CultureInfo.InvariantCulture), warmUpBursts.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Measures and prints.</summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        LatencyPattern pattern = LatencyCatalog.Find(arguments[1]);
        Subject subject = SubjectCatalog.Find(arguments[2]);
        long calls = long.Parse(arguments[3], CultureInfo.InvariantCulture);
        int warmUpBursts = int.Parse(arguments[4], CultureInfo.InvariantCulture);
        WorkloadBody body = subject.BodyOf(pattern)
            ?? throw new ArgumentException($"{pattern.Name} has no form for {subject.Name}.", nameof(arguments));
        subject.Prepare();
        for (int burst = 0; burst < warmUpBursts; burst++)
        {
            for (int call = 0; call < CallsPerBurst; call++)
            {
                body(WarmUpOperations);
            }

            Thread.Sleep(s_pause);
        }

        pattern.Rents.Clear();
        pattern.Returns.Clear();
        body(calls);
        List<LatencyRow> rows =
        [
            LatencyRow.From(pattern.Name, subject.Name, "rent", pattern.Rents),
            LatencyRow.From(pattern.Name, subject.Name, "return", pattern.Returns),
        ];
        Console.WriteLine(JsonSerializer.Serialize(rows, LatencyJsonContext.Default.ListLatencyRow));
        return 0;
    }
}
