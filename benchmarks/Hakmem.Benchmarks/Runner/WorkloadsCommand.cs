using System.CommandLine;
using System.Linq;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The <c>workloads</c> command.</summary>
internal static class WorkloadsCommand
{
    private static readonly Argument<Workload[]> s_workloads = new("names")
    {
        Description = "The workloads to run; all when none is named: "
            + $"{CatalogChoice.Names(WorkloadCatalog.All.Select(w => w.Name))}.",
        Arity = ArgumentArity.ZeroOrMore,
        CustomParser = result => CatalogChoice.Parse(result, WorkloadCatalog.All, workload => workload.Name),
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("workloads", "Runs allocation workloads, each with every allocator in processes of its own.")
        {
            s_workloads,
        };
        MeasuringOptions.AddTo(command);
        command.SetAction(parsed => MeasuringOptions.Run(
            parsed, parsed.GetValue(s_workloads) is { Length: > 0 } workloads ? workloads : WorkloadCatalog.All));
        return command;
    }
}
