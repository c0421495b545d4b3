using System.CommandLine;
using System.Linq;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Hakmem.Benchmarks.Micro;

/// <summary>The <c>micro</c> command: everything after it is BenchmarkDotNet's to understand.</summary>
internal static class MicroCommand
{
    private const string Name = "micro";

    /// <summary>Builds the command, for the help.</summary>
    public static Command Create() =>
        new(Name, "Runs BenchmarkDotNet micro-benchmarks; what follows is for BenchmarkDotNet, such as --filter '*Rent*' or --job short.");

    /// <summary>
    /// Whether the arguments ask for this command. They bypass the parser, which would take the options that both sides have
    /// (<c>--help</c>, <c>--version</c>) for its own.
    /// </summary>
    public static bool Matches(string[] arguments) => arguments is [Name, ..];

    /// <summary>Runs BenchmarkDotNet; without a filter, all benchmarks.</summary>
    public static int Run(string[] arguments)
    {
        string[] passed = arguments.Length > 1 ? arguments[1..] : ["--filter", "*"];
        Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(MicroCommand).Assembly).Run(passed, new MicroConfig())];
        return summaries.Any(summary => summary.HasCriticalValidationErrors) ? 1 : 0;
    }
}
