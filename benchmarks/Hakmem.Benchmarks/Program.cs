using System.CommandLine;
using Hakmem.Benchmarks.Comparison;
using Hakmem.Benchmarks.Failures;
using Hakmem.Benchmarks.Latency;
using Hakmem.Benchmarks.Micro;
using Hakmem.Benchmarks.ProfilingStudy;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Soak;
using Hakmem.Benchmarks.Startup;

namespace Hakmem.Benchmarks;

/// <summary>The benchmark program; without arguments it explains itself.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is [RunOneCommand.Name, ..])
        {
            return RunOneCommand.Run(arguments);
        }

        if (arguments is [StudyOneCommand.Name, ..])
        {
            return StudyOneCommand.Run(arguments);
        }

        if (arguments is [LatencyOneCommand.Name, ..])
        {
            return LatencyOneCommand.Run(arguments);
        }

        if (arguments is [StartupOneCommand.Name, ..])
        {
            return StartupOneCommand.Run(arguments);
        }

        if (MicroCommand.Matches(arguments))
        {
            return MicroCommand.Run(arguments);
        }

        RootCommand root = new("Benchmarks of the Hakmem allocator.")
        {
            WorkloadsCommand.Create(), ReplayCommand.Create(), TraceCommand.Create(), DrawCommand.Create(),
            CompareCommand.Create(), StudyCommand.Create(),
            LatencyCommand.Create(), SoakCommand.Create(), StartupCommand.Create(), FailuresCommand.Create(),
            ListCommand.Create(), MicroCommand.Create(),
        };
        return root.Parse(arguments.Length == 0 ? ["--help"] : arguments).Invoke();
    }
}
