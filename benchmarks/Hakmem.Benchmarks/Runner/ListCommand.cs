using System.CommandLine;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Spectre.Console;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The <c>list</c> command: what there is to measure, and what this machine lacks.</summary>
internal static class ListCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("list", "Lists the workloads and the subjects.");
        command.SetAction(_ => Run(TerminalConsole.Create()));
        return command;
    }

    private static void Run(IAnsiConsole console)
    {
        Table workloads = new() { Border = TableBorder.Rounded };
        workloads.AddColumns("workload", "definition", "an operation", "what it exposes");
        foreach (Workload workload in WorkloadCatalog.All)
        {
            workloads.AddRow(
                Markup.Escape(workload.Name),
                Markup.Escape(workload.Definition),
                Markup.Escape(workload.Operation),
                Markup.Escape(workload.Exposes));
        }

        Table subjects = new() { Border = TableBorder.Rounded };
        subjects.AddColumns("subject", "what it is", "missing?");
        foreach (Subject subject in SubjectCatalog.All)
        {
            subjects.AddRow(
                Markup.Escape(subject.Name), Markup.Escape(subject.Description), Markup.Escape(subject.HowToGet ?? ""));
        }

        console.Write(workloads);
        console.Write(subjects);
    }
}
