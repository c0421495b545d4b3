using System.CommandLine;
using System.IO;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Hakmem.Tool.Profiles;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// The heap map, in the terminal or as a page, with what is live of what is dirty.
internal static class MapCommand
{
    public static Command Create()
    {
        Argument<int> pid = CommandBase.ProcessId();
        Option<string?> heap = CommandBase.Heap();
        Option<FileInfo?> html = CommandBase.File(new Option<FileInfo?>("--html")
        {
            Description = "Write a page that needs nothing else to this file.",
        });
        Option<bool> json = CommandBase.AsJson();
        Option<double> timeout = CommandBase.Timeout();
        Command command = new("map", "Shows every SuperSlab of the heaps, and how fragmented they are.")
        {
            pid, heap, html, json, timeout,
        };
        CommandBase.SetAction(command, json, async (parsed, cancelled) =>
        {
            Target target = Target.Require(parsed.GetValue(pid));
            FileInfo? page = parsed.GetValue(html);
            using WholeFile? file = page is null
                ? null
                : await CommandBase.OpenFileAsync(page.FullName, html.Name, parsed.GetValue(json), cancelled);
            MapAnswer answer = AnswerReader.Read<MapAnswer>(await Exchange.AskAsync(
                target, Request.Of("map", ("Heap", parsed.GetValue(heap))), CommandBase.TimeoutOf(parsed, timeout),
                cancelled));
            file?.Write(stream => HtmlMap.Write(stream, $"{target.Id} {target.Name}", answer));
            if (file is { IsOutput: true })
            {
                return;
            }

            if (parsed.GetValue(json))
            {
                CommandBase.WriteJson(answer);
            }
            else if (page is not null)
            {
                CommandBase.Terminal.WriteText($"The map is in {page.FullName}");
            }
            else
            {
                TerminalMap.Write(CommandBase.Terminal, answer);
            }
        });
        return command;
    }
}
