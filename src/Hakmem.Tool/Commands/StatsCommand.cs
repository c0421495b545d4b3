using System.CommandLine;
using System.Linq;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// The statistics of each heap.
internal static class StatsCommand
{
    public static Command Create()
    {
        Argument<int> pid = CommandBase.ProcessId();
        Option<string?> heap = CommandBase.Heap();
        Option<bool> json = CommandBase.AsJson();
        Option<double> timeout = CommandBase.Timeout();
        Command command = new("stats", "Shows the statistics of each heap, by size class and by tag.")
        {
            pid, heap, json, timeout,
        };
        CommandBase.SetAction(command, json, async (parsed, cancelled) =>
        {
            Target target = Target.Require(parsed.GetValue(pid));
            StatisticsAnswer answer = AnswerReader.Read<StatisticsAnswer>(await Exchange.AskAsync(
                target, Request.Of("statistics", ("Heap", parsed.GetValue(heap))),
                CommandBase.TimeoutOf(parsed, timeout), cancelled));
            if (parsed.GetValue(json))
            {
                CommandBase.WriteJson(answer);
            }
            else
            {
                Write(CommandBase.Terminal, target, answer);
            }
        });
        return command;
    }

    private static void Write(IAnsiConsole console, Target target, StatisticsAnswer answer)
    {
        console.WriteText($"Process {target.Id} ({target.Name}), Hakmem {answer.Library}");
        console.Write(HeapTable.Of(answer.Heaps));
        foreach (HeapAnswer heap in answer.Heaps)
        {
            WriteHeap(console, heap);
        }
    }

    private static void WriteHeap(IAnsiConsole console, HeapAnswer heap)
    {
        if (heap.Tags.Count > 0)
        {
            FigureTable tags = new(leading: 1, $"tag of heap {heap.Name}", ">live", ">peak", ">refused");
            foreach (TagAnswer tag in heap.Tags)
            {
                tags.AddRow(tag.Path, Texts.Bytes(tag.LiveBytes), Texts.Bytes(tag.PeakBytes),
                    Texts.Count(tag.RefusedCount));
            }

            console.Write(tags);
        }

        if (heap.SizeClasses.Any())
        {
            console.Write(HeapTable.OfClasses(heap));
        }

        if (heap.LastDecayFailure.Length > 0)
        {
            console.WriteText(
                $"Heap {heap.Name}: {heap.FailedDecayPasses} decay passes failed, the last with " +
                heap.LastDecayFailure);
        }

        if (heap.LastCallbackFailure.Length > 0)
        {
            console.WriteText(
                $"Heap {heap.Name}: {heap.FailedCallbacks} callbacks failed, the last with {heap.LastCallbackFailure}");
        }
    }
}
