using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// What the resident set of a process consists of, and what of it grows.
internal static class LedgerCommand
{
    private const int MaxParts = 4;

    private static readonly string[] s_kinds = Enum.GetNames<NativeMemoryKind>();

    public static Command Create()
    {
        Argument<int> pid = CommandBase.ProcessId();
        Option<int?> growth = new("--growth")
        {
            Description = "Read twice, so many seconds apart, and show what has grown, most first.",
        };
        CommandBase.Bound<int>(growth, value => value is >= 1 and <= 86_400, "from 1 to 86400");
        Option<FileInfo?> since = CommandBase.File(new Option<FileInfo?>("--since")
        {
            Description = "A file that an earlier `ledger --json` printed: show what has grown since, most first.",
        });
        Option<bool> collect = new("--collect")
        {
            Description = "Let the process collect generation 0 where its collector's figures are old.",
        };
        Option<bool> json = CommandBase.AsJson();
        Option<double> timeout = CommandBase.Timeout();
        Command command =
            new("ledger", "Shows what the resident set consists of: collector, code, Hakmem, malloc, stacks, files.")
        {
            pid, growth, since, collect, json, timeout,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(growth) is not null && result.GetResult(since) is not null)
            {
                result.AddError("--growth and --since exclude each other.");
            }
        });
        CommandBase.SetAction(command, json, async (parsed, cancelled) =>
        {
            Target target = Target.Require(parsed.GetValue(pid));
            Request request = Request.Of("ledger", ("Collect", parsed.GetValue(collect) ? 1 : null));
            TimeSpan limit = CommandBase.TimeoutOf(parsed, timeout);
            LedgerReport? before = parsed.GetValue(since) is { } file ? ReadFile(file.FullName) : null;
            LedgerReport now = await ReadAsync(target, request, limit, cancelled);
            if (before is null && parsed.GetValue(growth) is { } seconds)
            {
                await target.WaitAsync(TimeSpan.FromSeconds(seconds), cancelled);
                (before, now) = (now, await ReadAsync(target, request, limit, cancelled));
            }

            if (before is null)
            {
                Show(parsed.GetValue(json), now, () => Write(CommandBase.Terminal, target, now));
                return;
            }

            LedgerGrowth grown = LedgerGrowth.Between(before, now);
            Show(parsed.GetValue(json), grown, () => Write(CommandBase.Terminal, target, grown));
        });
        return command;
    }

    private static async Task<LedgerReport> ReadAsync(
        Target target, Request request, TimeSpan timeout, CancellationToken cancelled) =>
        AnswerReader.Read<LedgerAnswer>(await Exchange.AskAsync(target, request, timeout, cancelled)) is
            { Report: { IsWhole: true } report }
            ? report
            : throw new ToolException(ToolError.NoAnswer, $"Process {target.Id} answered with no ledger.");

    // The report in a file that this command wrote. Throws ToolException if there is none.
    internal static LedgerReport ReadFile(string path)
    {
        try
        {
            LedgerReport? read = JsonSerializer.Deserialize<LedgerReport>(File.ReadAllText(path), CommandBase.JsonLine);
            return read is { IsWhole: true, Rows.Count: > 0 } && read.CapturedAt != default &&
                read.Rows.All(row => s_kinds.Contains(row.Kind)) &&
                read.Rows.DistinctBy(row => row.Kind).Count() == read.Rows.Count
                ? read
                : throw new ToolException(ToolError.File, $"{path} has no ledger, as `ledger --json` prints it.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ToolException(ToolError.File, $"{path} cannot be read: {failure.Message}");
        }
    }

    private static void Show<T>(bool isJson, T value, Action write)
    {
        if (isJson)
        {
            CommandBase.WriteJson(value);
        }
        else
        {
            write();
        }
    }

    private static void Write(IAnsiConsole console, Target target, LedgerReport report)
    {
        console.WriteText(
            $"Process {target.Id} ({target.Name}): {Texts.Bytes(report.ResidentBytes)} resident, " +
            $"{Texts.Share(report.AttributedShare)} of it explained");
        FigureTable table = new(leading: 0, ">resident", ">share", "row", "how it is known, and its largest parts");
        foreach (LedgerRow row in report.Rows)
        {
            table.AddRow(
                Texts.Bytes(row.ResidentBytes), Texts.Share(row.ResidentBytes, report.ResidentBytes), row.Name,
                CellOf(row));
        }

        console.Write(table);
    }

    private static void Write(IAnsiConsole console, Target target, LedgerGrowth growth)
    {
        console.WriteText(
            $"Process {target.Id} ({target.Name}) grew by {Texts.Bytes(growth.Bytes)} in {growth.Seconds:0.#} s, to " +
            $"{Texts.Bytes(growth.ResidentBytes)}");
        FigureTable table = new(leading: 0, ">grew by", ">to", "row", "what to do about it");
        foreach (LedgerGrowthRow row in growth.Rows.Where(row => row.Bytes != 0))
        {
            table.AddRow(Texts.Bytes(row.Bytes), Texts.Bytes(row.ResidentBytes), row.Name,
                LedgerHints.Of(row.Kind));
        }

        console.Write(table);
    }

    private static Cell CellOf(LedgerRow row)
    {
        IEnumerable<string> parts =
            row.Parts.Take(MaxParts).Select(part => $"  {Texts.Bytes(part.Bytes)}  {part.Name}");
        return new Cell(parts.Prepend(row.Source));
    }
}
