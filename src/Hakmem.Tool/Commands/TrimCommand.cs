using System.CommandLine;
using System.Linq;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// Has heaps return what is unused: the only command that changes anything in the process.
internal static class TrimCommand
{
    public static Command Create()
    {
        Argument<int> pid = CommandBase.ProcessId();
        Option<string?> heap = CommandBase.Heap();
        Option<bool> json = CommandBase.AsJson();
        Option<double> timeout = CommandBase.Timeout();
        Command command =
            new("trim", "Has the heaps return all unused memory to the system.") { pid, heap, json, timeout };
        CommandBase.SetAction(command, json, async (parsed, cancelled) =>
        {
            Target target = Target.Require(parsed.GetValue(pid));
            TrimAnswer answer = AnswerReader.Read<TrimAnswer>(await Exchange.AskAsync(
                target, Request.Of("trim", ("Heap", parsed.GetValue(heap))), CommandBase.TimeoutOf(parsed, timeout),
                cancelled));
            if (parsed.GetValue(json))
            {
                CommandBase.WriteJson(answer);
            }
            else
            {
                Write(CommandBase.Terminal, answer);
            }
        });
        return command;
    }

    private static void Write(IAnsiConsole console, TrimAnswer answer)
    {
        FigureTable table = new(
            leading: 0, ">slot", "heap", ">dirty before", ">after", ">committed before", ">after",
            ">cached before", ">after");
        foreach (HeapAnswer after in answer.After.Heaps)
        {
            HeapAnswer before = answer.Before.Heaps.FirstOrDefault(heap => heap.Slot == after.Slot) ?? new HeapAnswer();
            table.AddRow(
                $"{after.Slot}", after.Name, Texts.Bytes(before.DirtyBytes), Texts.Bytes(after.DirtyBytes),
                Texts.Bytes(before.CommittedBytes), Texts.Bytes(after.CommittedBytes), Texts.Bytes(before.CachedBytes),
                Texts.Bytes(after.CachedBytes));
        }

        console.Write(table);
    }
}

internal sealed record TrimAnswer
{
    public StatisticsAnswer Before { get; init; } = new();

    public StatisticsAnswer After { get; init; } = new();
}
