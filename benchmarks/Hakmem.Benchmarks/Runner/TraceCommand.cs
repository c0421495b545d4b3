using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Recording;
using Hakmem.Benchmarks.Traces.Replay;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The <c>trace</c> command: makes traces of recordings, and says what is in one.</summary>
internal static class TraceCommand
{
    private const double BytesPerMiB = 1 << 20;

    private static readonly Argument<FileInfo> s_raw = new("recording")
    {
        Description = "What the recorder of native programs wrote.",
    };

    private static readonly Argument<FileInfo> s_output = new("trace")
    {
        Description = $"The trace to write (*{TraceFile.Extension}).",
    };

    private static readonly Argument<FileInfo> s_trace = new("trace")
    {
        Description = $"The trace (*{TraceFile.Extension}).",
    };

    private static readonly Option<string> s_description = new("--description")
    {
        Description = "Which program under which load.",
        DefaultValueFactory = _ => "",
    };

    private static readonly Option<int> s_events = new("--events")
    {
        Description = "How many events to keep, from the first on.",
        DefaultValueFactory = _ => Trace.MaximumEvents,
        Validators = { CatalogChoice.RequireAtLeastOne },
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command convert = new("convert", "Makes a trace of a native program's recording.")
        {
            s_raw, s_output, s_description, s_events,
        };
        convert.SetAction(parsed => Try(() => Convert(parsed)));
        Command show = new("show", "Says what is in a trace.") { s_trace };
        show.SetAction(parsed => Try(() => Show(TraceFile.Read(parsed.GetRequiredValue(s_trace).FullName))));
        return new Command("trace", "Traces of programs' allocations.") { convert, show };
    }

    /// <summary>Prints what is in a trace.</summary>
    public static void Show(Trace trace)
    {
        ReplayPlan plan = new(trace);
        int frees = 0;
        int resizes = 0;
        foreach (TraceEvent entry in trace.Events)
        {
            frees += entry.Kind == TraceEventKind.Free ? 1 : 0;
            resizes += entry.Kind == TraceEventKind.Resize ? 1 : 0;
        }

        WriteLine($"{trace.Description}");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{trace.Events.Length:N0} events in {trace.Duration.TotalSeconds:0.0} s: {trace.BlockCount:N0} blocks, " +
            $"{resizes:N0} resizes, {frees:N0} frees, {trace.EndLiveBlockCount:N0} left at the end"));
        WriteLine($"{trace.ThreadCount} threads; {plan.SharedSlotCount:N0} blocks are used by several");
        string liveMiB = string.Join(
            ", ",
            plan.QuietLiveBytes.Select(bytes => (bytes / BytesPerMiB).ToString("0.0", CultureInfo.InvariantCulture)));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"at most {trace.MaximumLiveBytes / BytesPerMiB:0.0} MiB live; " +
            $"{plan.QuietLiveBytes.Count} pauses, with live MiB: {liveMiB}"));
    }

    private static void Convert(ParseResult parsed)
    {
        FileInfo output = parsed.GetRequiredValue(s_output);
        if (!ReplayWorkload.IsFile(output.Name))
        {
            throw new InvalidDataException($"{output} does not end in {TraceFile.Extension}.");
        }

        RawTrace raw = RawTrace.Read(
            parsed.GetRequiredValue(s_raw).FullName,
            parsed.GetValue(s_events),
            parsed.GetValue(s_description)!,
            out Trace trace);
        TraceFile.Write(output.FullName, trace);
        Show(trace);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"left out: {raw.UnknownCount:N0} resizes and frees of blocks from before the recording; " +
            $"frees made up: {raw.UnfreedCount:N0}; dropped by a full recording: {raw.DroppedCount:N0}"));
        output.Refresh();
        WriteLine(
            $"{output.Length:N0} bytes, {(double)output.Length / Math.Max(1, trace.Events.Length):0.00} an event");
    }

    private static int Try(Action action)
    {
        try
        {
            action();
            return 0;
        }
        catch (Exception wrong) when (wrong is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(wrong.Message);
            return 1;
        }
    }

    private static void WriteLine(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));
}
