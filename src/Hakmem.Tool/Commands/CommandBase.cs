using System;
using System.CommandLine;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tool.Attach;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// What the commands share: options, errors, output as JSON.
internal static class CommandBase
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static readonly JsonSerializerOptions JsonLine = new(JsonSerializerDefaults.Web);

    public static Argument<int> ProcessId() => new("pid") { Description = "The identifier of the process." };

    public static Option<bool> AsJson() => new("--json") { Description = "Print JSON." };

    public static Option<string?> Heap() => new("--heap")
    {
        Description = "Only the heap of this name or slot: `stats` shows both.",
    };

    public static Option<double> Timeout() => new("--timeout")
    {
        Description = "How many seconds to wait for a sign of the process.",
        DefaultValueFactory = _ => 10,
    };

    public static Option<int> Seconds(string description, int otherwise)
    {
        Option<int> option = new("--seconds") { Description = description, DefaultValueFactory = _ => otherwise };
        option.Validators.Add(result =>
            Require(result, result.GetValue(option) is >= 0 and <= 3_600, "from 0 to 3600"));
        return option;
    }

    public static void Require(System.CommandLine.Parsing.OptionResult result, bool holds, string range)
    {
        if (!holds)
        {
            result.AddError($"The value of {result.Option.Name} must be {range}.");
        }
    }

    public static TimeSpan TimeoutOf(ParseResult parsed, Option<double> option) =>
        parsed.GetValue(option) is > 0 and <= 3_600 and var seconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new ToolException(ToolError.Usage, "--timeout must be above 0 and at most 3600 seconds.");

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
                return Fail(ToolError.Unexpected, $"The tool failed: {failure}", parsed.GetValue(json));
            }
        });

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

    private static int Fail(ToolError error, string message, bool isJson)
    {
        Console.Error.WriteLine(isJson
            ? JsonSerializer.Serialize(new { error = error.ToString(), exitCode = (int)error, message }, JsonLine)
            : message);
        return (int)error;
    }
}
