using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// The processes that use the library. It wakes none of them: one that is silent has its row, without figures.
internal static class PsCommand
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1.5);

    public static Command Create()
    {
        Option<bool> json = CommandBase.AsJson();
        Command command = new("ps", "Lists the processes that use Hakmem.") { json };
        CommandBase.SetAction(command, json, async (parsed, cancelled) =>
        {
            ProcessRow[] rows = await FindAsync(cancelled);
            if (parsed.GetValue(json))
            {
                CommandBase.WriteJson(rows);
            }
            else
            {
                Write(CommandBase.Terminal, rows);
            }
        });
        return command;
    }

    // Asks all of them at a time. Of those whose files do not tell whether they have the library, only the ones that
    // answer have a row.
    public static async Task<ProcessRow[]> FindAsync(CancellationToken cancelled)
    {
        IEnumerable<Target> candidates = Target.FindAll().Where(target => target.HasLibrary != false);
        ProcessRow?[] rows = await Task.WhenAll(candidates.Select(target => AskAsync(target, cancelled)));
        return [.. rows.Where(row => row is not null).Select(row => row!)];
    }

    private static async Task<ProcessRow?> AskAsync(Target target, CancellationToken cancelled)
    {
        string library = target.Library?.Version.ToString(3) ?? "";
        if (target.Library is { AnswersRequests: false })
        {
            return new ProcessRow(target.Id, target.Name, library, "too old to be asked", null, null, null, null);
        }

        try
        {
            StatisticsAnswer answer = AnswerReader.Read<StatisticsAnswer>(await Exchange.AskAsync(
                target, Request.Of("statistics"), s_timeout, cancelled, mayWake: false));
            return new ProcessRow(
                target.Id, target.Name, answer.Library, "answers", answer.Heaps.Count,
                answer.Sum(heap => heap.LiveBytes),
                answer.Sum(heap => heap.CommittedBytes), answer.Sum(heap => heap.DirtyBytes));
        }
        catch (ToolException failure) when (target is { HasLibrary: true, IsAlive: true })
        {
            string state = StateOf(failure.Error);
            return new ProcessRow(target.Id, target.Name, library, state, null, null, null, null);
        }
        catch (ToolException)
        {
            return null;
        }
    }

    internal static string StateOf(ToolError error) => error switch
    {
        ToolError.NoAnswer => "silent: small or idle",
        ToolError.OtherVersion => "of another version than this tool",
        ToolError.Refused => "refuses",
        ToolError.NoDiagnostics => "lets no session start",
        _ => "cannot be asked",
    };

    private static void Write(IAnsiConsole console, ProcessRow[] rows)
    {
        if (rows.Length == 0)
        {
            console.WriteText("No process of this user uses Hakmem.");
            return;
        }

        FigureTable table = new(
            leading: 2, ">pid", "process", "Hakmem", ">heaps", ">live", ">dirty", ">committed", "state");
        foreach (ProcessRow row in rows)
        {
            table.AddRow(
                $"{row.Pid}", row.Name, row.Library, $"{row.Heaps}", Text(row.LiveBytes), Text(row.DirtyBytes),
                Text(row.CommittedBytes), row.State);
        }

        console.Write(table);
    }

    private static string Text(long? bytes) => bytes is { } value ? Texts.Bytes(value) : "";
}

internal sealed record ProcessRow(
    int Pid, string Name, string Library, string State, int? Heaps, long? LiveBytes, long? CommittedBytes,
    long? DirtyBytes);
