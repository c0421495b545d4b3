using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Display;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;

namespace Hakmem.Tool.Tests.Trial;

// Fourteen programs that grow for one reason each, and how the tool names it from outside: `trial` prints the table
// that docs/tool.md has.
internal static class SeededTrial
{
    public static readonly IReadOnlyList<SeededProgram> Programs =
    [
        new("arenas", "64 arenas of glibc that keep what was freed", nameof(NativeMemoryKind.MallocKept), null),
        new("native-cache", "a native library's cache", nameof(NativeMemoryKind.MallocInUse), null),
        new("array-pool", "a pool that keeps arrays of 1 MiB", nameof(NativeMemoryKind.CollectorLargeObjects), null),
        new("pinned", "pinned buffers", nameof(NativeMemoryKind.CollectorPinnedObjects), null),
        new("stacks", "96 threads with deep stacks", nameof(NativeMemoryKind.ThreadStacks), null),
        new("files", "a mapped file", nameof(NativeMemoryKind.MappedFiles), null),
        new("hakmem", "blocks of Hakmem that nobody frees", nameof(NativeMemoryKind.HakmemLive), null),
        new("code", "methods compiled at run time", nameof(NativeMemoryKind.CompiledCode), null),
        new(SeededPrograms.KestrelPool, "Kestrel's pool, of uploads nobody reads",
            nameof(NativeMemoryKind.CollectorPinnedObjects), null),
        new(SeededPrograms.NativeMalloc, "native code's own malloc", nameof(NativeMemoryKind.MallocInUse), null),
        new(SeededPrograms.Rental, "a rental that is not disposed", null, "RentAndForget"),
        new(SeededPrograms.Stream, "a stream that is not disposed", null, "WriteAndForget"),
        new(SeededPrograms.Region, "a region that grows without end", null, "GrowRegion"),
        new(SeededPrograms.EndedThread, "blocks of ended threads that nobody frees", null, "AllocateAndEnd"),
    ];

    public static async Task<int> PrintAsync()
    {
        Console.WriteLine(
            $"{RuntimeInformation.OSDescription}, {Environment.ProcessorCount} processors, .NET {Environment.Version}");
        Console.WriteLine();
        Console.WriteLine("| program | command | named as | seconds |");
        Console.WriteLine("|---|---|---|---|");
        int named = 0;
        foreach (SeededProgram program in Programs)
        {
            TrialResult result = await RunAsync(program, SeededProgram.WatchSeconds);
            named += result.IsNamed ? 1 : 0;
            string seconds = result.Seconds.ToString("0.0", CultureInfo.InvariantCulture);
            Console.WriteLine(
                $"| {program.Description} | `{program.Command}` | {(result.IsNamed ? "" : "not named: ")}" +
                $"{result.NamedAs} | {seconds} |");
        }

        Console.WriteLine();
        Console.WriteLine($"{named} of {Programs.Count} named.");
        return named == Programs.Count ? 0 : 1;
    }

    // Lets a program grow and asks the tool for the reason.
    public static async Task<TrialResult> RunAsync(SeededProgram program, int watchSeconds)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(program.Name, ("MALLOC_ARENA_MAX", "64"));
        return program.Culprit is not null
            ? await FindStackAsync(program, target, watchSeconds)
            : await FindRowAsync(program, target);
    }

    private static async Task<TrialResult> FindRowAsync(SeededProgram program, TargetProcess target)
    {
        string before = Path.GetTempFileName();
        try
        {
            Stopwatch asked = Stopwatch.StartNew();
            ToolRun first = await ToolRun.OfAsync("ledger", target.Pid, "--collect", "--json");
            asked.Stop();
            await File.WriteAllTextAsync(before, first.AssertSucceeded().Output);
            await target.AskAsync("grow");
            asked.Start();
            JsonElement growth =
                (await ToolRun.OfAsync("ledger", target.Pid, "--collect", "--since", before, "--json")).Json;
            asked.Stop();
            JsonElement row = growth.GetProperty("rows")[0];
            string grown = Texts.Bytes(row.GetProperty("bytes").GetInt64());
            return new TrialResult(
                row.GetProperty("kind").GetString() == program.Row,
                $"{row.GetProperty("name").GetString()}, {grown} more",
                asked.Elapsed.TotalSeconds);
        }
        finally
        {
            File.Delete(before);
        }
    }

    private static async Task<TrialResult> FindStackAsync(SeededProgram program, TargetProcess target, int watchSeconds)
    {
        await target.AskAsync("grow");
        Stopwatch asked = Stopwatch.StartNew();
        JsonElement leaks = (await ToolRun.OfAsync("leaks", target.Pid, "--seconds", $"{watchSeconds}", "--json")).Json;
        asked.Stop();
        JsonElement[] stacks = [.. leaks.GetProperty("stacks").EnumerateArray()];
        if (stacks.Length == 0)
        {
            return new TrialResult(false, "nothing that stays", asked.Elapsed.TotalSeconds);
        }

        string[] frames = [.. stacks[0].GetProperty("stack").EnumerateArray().Select(frame => frame.GetString()!)];
        string? culprit = frames.FirstOrDefault(
            frame => frame.EndsWith($".{program.Culprit}", StringComparison.Ordinal));
        string bytes = Texts.Bytes(stacks[0].GetProperty("bytes").GetInt64());
        return new TrialResult(
            culprit is not null, $"`{culprit ?? frames[0]}`, {bytes} stay", asked.Elapsed.TotalSeconds);
    }
}

// A program, and what names its culprit: a row of the ledger, or a method on the first stack of the leaks.
internal sealed record SeededProgram(string Name, string Description, string? Row, string? Culprit)
{
    public const int WatchSeconds = 4;

    public string Command => Culprit is not null
        ? $"hakmem leaks PID --seconds {WatchSeconds}"
        : "hakmem ledger PID --collect --since FILE";
}

internal readonly record struct TrialResult(bool IsNamed, string NamedAs, double Seconds);
