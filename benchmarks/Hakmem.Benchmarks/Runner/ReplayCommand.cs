using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.IO;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Replay;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The <c>replay</c> command: trace files as rows.</summary>
internal static class ReplayCommand
{
    private static readonly Argument<Workload[]> s_files = new("files")
    {
        Description = $"The traces (*{TraceFile.Extension}). Those that are shipped are rows of `workloads` too: " +
            "replay-redis and so on.",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = ParseFiles,
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new(
            "replay", "Replays traces of programs with every allocator, in processes of its own each.")
        {
            s_files,
        };
        MeasuringOptions.AddTo(command);
        command.SetAction(parsed => MeasuringOptions.Run(parsed, parsed.GetValue(s_files)!));
        return command;
    }

    // Each is read here once: what is wrong with it is one error, not one for every process.
    private static Workload[] ParseFiles(ArgumentResult result)
    {
        List<Workload> workloads = [];
        foreach (Token token in result.Tokens)
        {
            if (!ReplayWorkload.IsFile(token.Value))
            {
                result.AddError($"{token.Value} is no trace: its name does not end in {TraceFile.Extension}.");
                continue;
            }

            try
            {
                TraceFile.Read(token.Value);
                workloads.Add(ReplayWorkload.OfFile(token.Value));
            }
            catch (System.Exception wrong)
                when (wrong is InvalidDataException or IOException or System.UnauthorizedAccessException)
            {
                result.AddError(wrong.Message);
            }
        }

        return [.. workloads];
    }
}
