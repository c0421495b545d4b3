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
            if (parsed.GetValue(html) is { } page)
            {
                WholeFile.RequireWritable(page.FullName);
            }

            MapAnswer answer = AnswerReader.Read<MapAnswer>(await Exchange.AskAsync(
                target, Request.Of("map", ("Heap", parsed.GetValue(heap))), CommandBase.TimeoutOf(parsed, timeout),
                cancelled));
            if (parsed.GetValue(html) is { } file)
            {
                WholeFile.Write(file.FullName, stream => HtmlMap.Write(stream, $"{target.Id} {target.Name}", answer));
            }

            if (parsed.GetValue(json))
            {
                CommandBase.WriteJson(answer);
            }
            else if (parsed.GetValue(html) is { } written)
            {
                CommandBase.Terminal.WriteText($"The map is in {written.FullName}");
            }
            else
            {
                TerminalMap.Write(CommandBase.Terminal, answer);
            }
        });
        return command;
    }
}
