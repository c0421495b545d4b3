using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Profiling;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Hakmem.Tool.Profiles;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// What the commands share: options, errors, output as JSON.
internal static class CommandBase
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static readonly JsonSerializerOptions JsonLine = new(JsonSerializerDefaults.Web);

    public static Argument<int> ProcessId() => new("pid") { Description = "The identifier of the process." };

    public static Option<bool> AsJson() => new("--json") { Description = "Print JSON." };

    // Nothing is no heap: it may come of a shell's variable that is not set, and all heaps would be trimmed for one.
    public static Option<string?> Heap()
    {
        Option<string?> option = new("--heap")
        {
            Description = "Only the heap of this name or slot: `stats` shows both.",
        };
        RequireValues(option, value => value.Length > 0, "no name or slot of a heap");
        return option;
    }

    public static Option<double> Timeout()
    {
        Option<double> option = Number("--timeout", "How many seconds to wait for a sign of the process.", 10);
        Bound<double>(option, value => value is > 0 and <= 3_600, "above 0 and at most 3600");
        return option;
    }

    // A number that may have a fraction, with a point. The parser takes a comma for a separator of thousands.
    public static Option<double> Number(string name, string description, double otherwise) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => otherwise,
        CustomParser = result =>
        {
            string text = string.Concat(result.Tokens.Select(token => token.Value));
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
            {
                result.AddError($"Cannot parse argument '{text}' for option '{name}' as a number, such as 0.5.");
            }

            return value;
        },
    };

    // Has the parser refuse what cannot be the name of a file.
    public static Option<T> File<T>(Option<T> option)
    {
        RequireValues(
            option, value => !string.IsNullOrWhiteSpace(value) && !value.Contains('\0'), "no name of a file");
        return option;
    }

    private static void RequireValues(Option option, Func<string, bool> holds, string fault) =>
        option.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => !holds(token.Value)) is { } token)
            {
                result.AddError($"The value '{Texts.Clean(token.Value)}' of {option.Name} is {fault}.");
            }
        });

    public static Option<int> Seconds(string description, int otherwise)
    {
        Option<int> option = new("--seconds") { Description = description, DefaultValueFactory = _ => otherwise };
        Bound<int>(option, value => value is >= 0 and <= 3_600, "from 0 to 3600");
        return option;
    }

    public static Option<int> Rows(string description, int otherwise)
    {
        Option<int> option = new("--rows") { Description = description, DefaultValueFactory = _ => otherwise };
        Bound<int>(option, value => value >= 0, "0 or more");
        return option;
    }

    // Between two samples: what the library takes.
    public static Option<T> BoundMeanBytes<T>(Option<T> option)
    {
        Bound<long>(
            option, value => value is >= HeapSampler.MinMeanBytes and <= HeapSampler.MaxMeanBytes,
            $"from {HeapSampler.MinMeanBytes} to {HeapSampler.MaxMeanBytes}");
        return option;
    }

    // Has the parser refuse numbers that are out of their range. What is no number it refuses by itself, but only after
    // its validators; and it has no value to ask for before.
    public static void Bound<T>(Option option, Func<T, bool> holds, string range)
        where T : struct, INumberBase<T> =>
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] &&
                T.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && !holds(value))
            {
                result.AddError($"The value of {option.Name} must be {range}.");
            }
        });

    public static TimeSpan TimeoutOf(ParseResult parsed, Option<double> option) =>
        TimeSpan.FromSeconds(parsed.GetValue(option));

    // Runs a command. What goes wrong is one sentence on the error output, or an object if the command prints JSON.
    public static void SetAction(Command command, Option<bool> json, Func<ParseResult, CancellationToken, Task> run) =>
        command.SetAction(async (parsed, cancelled) =>
        {
            try
            {
                await run(parsed, cancelled).ConfigureAwait(false);
                return 0;
            }
            catch (ToolException failure)
            {
                return Fail(failure.Error, failure.Message, parsed.GetValue(json));
            }
            catch (OperationCanceledException)
            {
                return Fail(ToolError.Cancelled, "Cancelled.", parsed.GetValue(json));
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                return Fail(failure, parsed.GetValue(json));
            }
        });

    // The file of an option. Where it is the output, that has nothing else, and so no JSON. A pipe may wait for ever
    // for somebody who reads it, and only a thread of its own can be left to that.
    public static async Task<WholeFile> OpenFileAsync(
        string path, string option, bool isJson, CancellationToken cancelled)
    {
        WholeFile file =
            await Task.Run(() => WholeFile.Open(path), cancelled).WaitAsync(cancelled).ConfigureAwait(false);
        if (!file.IsOutput || !isJson)
        {
            return file;
        }

        file.Dispose();
        throw new ToolException(ToolError.Usage, $"The output cannot have both --json and the file of {option}.");
    }

    public static void WriteJson<T>(T value) => Console.Out.WriteLine(JsonSerializer.Serialize(value, Json));

    // A console that does not cut lines where its output is not a terminal's.
    public static IAnsiConsole Terminal { get; } = CreateTerminal();

    private static IAnsiConsole CreateTerminal()
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 160;
        }

        return console;
    }

    // Says what went wrong, and returns the exit code.
    public static int Fail(ToolError error, string message, bool isJson) => Fail(error, [message], isJson);

    // What nobody has thought of: where it was is said as well.
    public static int Fail(Exception failure, bool isJson) =>
        Fail(ToolError.Unexpected, $"The tool failed: {failure}".ReplaceLineEndings("\n").Split('\n'), isJson);

    private static int Fail(ToolError error, string[] lines, bool isJson)
    {
        string text = isJson
            ? JsonSerializer.Serialize(
                new { error = error.ToString(), exitCode = (int)error, message = string.Join('\n', lines) }, JsonLine)
            : string.Join('\n', lines.Select(Texts.Clean));
        try
        {
            Console.Error.WriteLine(text);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The exit code is all that can be said.
        }

        return (int)error;
    }
}
