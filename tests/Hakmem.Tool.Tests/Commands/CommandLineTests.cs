using System;
using System.CommandLine;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tool.Tests.Support;
using Xunit;
using ToolProgram = Hakmem.Tool.Program;

namespace Hakmem.Tool.Tests.Commands;

// Values of options that are none, or out of their range: the parser says so, before any process is looked for.
public sealed class CommandLineTests
{
    // Beyond the largest identifier that Linux gives out.
    private const string NoProcess = "4999999";

    // Each option of each command that does not take any text. A flag does not name itself in its error.
    public static TheoryData<string, string> TypedOptions => new(
        ToolProgram.CreateRoot().Subcommands.SelectMany(command => command.Options
            .Where(option => option is not System.CommandLine.Help.HelpOption &&
                option.ValueType != typeof(string) && option.ValueType != typeof(string[]))
            .Select(option => (command.Name, option.Name))));

    public static TheoryData<string, string> OptionsWithAValue => new(
        ToolProgram.CreateRoot().Subcommands.SelectMany(command => command.Options
            .Where(option => option is not System.CommandLine.Help.HelpOption && option.ValueType != typeof(bool))
            .Select(option => (command.Name, option.Name))));

    [Theory]
    [MemberData(nameof(TypedOptions))]
    public void TextThatCannotBeParsedIsAnError(string command, string option)
    {
        // Any text but none is the name of a file.
        string[] texts = option is "--html" or "--since" or "--output" ? [""] : ["x", "1.5.5"];
        foreach (string text in texts)
        {
            ParseResult parsed = ToolProgram.CreateRoot().Parse([command, NoProcess, option, text]);
            Assert.Contains(parsed.Errors, error => error.Message.Contains($"'{text}'", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("profile", NoProcess, "--seconds", "0.5")]
    [InlineData("leaks", NoProcess, "--seconds", "0.5")]
    [InlineData("ledger", NoProcess, "--growth", "1.5")]
    [InlineData("top", NoProcess, "--interval", "x")]
    [InlineData("top", NoProcess, "--interval", "0,5")]
    [InlineData("stats", NoProcess, "--timeout", "2,5")]
    public async Task TheParsersMessageIsShown(params string[] args)
    {
        ToolRun run = await ToolRun.OfAsync(args);
        Assert.True(run.ExitCode == 2, $"{run.ExitCode}: {run.Error}");
        Assert.Contains($"Cannot parse argument '{args[^1]}' for option '{args[^2]}'", run.Error,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("top", "--count", "-1")]
    [InlineData("top", "--interval", "NaN")]
    [InlineData("top", "--interval", "61")]
    [InlineData("profile", "--rows", "-3")]
    [InlineData("profile", "--mean-bytes", "0")]
    [InlineData("profile", "--mean-bytes", "9223372036854775807")]
    [InlineData("profile", "--seconds", "3601")]
    [InlineData("leaks", "--rows", "-3")]
    [InlineData("leaks", "--mean-bytes", "0")]
    [InlineData("leaks", "--seconds", "-1")]
    [InlineData("ledger", "--growth", "0")]
    [InlineData("stats", "--timeout", "0")]
    [InlineData("stats", "--timeout", "NaN")]
    [InlineData("map", "--timeout", "3601")]
    [InlineData("trim", "--timeout", "-1")]
    public void AValueOutOfItsRangeIsAnError(string command, string option, string value)
    {
        ParseResult parsed = ToolProgram.CreateRoot().Parse([command, NoProcess, option, value]);
        Assert.Contains(parsed.Errors, error =>
            error.Message.StartsWith($"The value of {option} must be", StringComparison.Ordinal));
    }

    // A comma is no decimal point, and was taken for a separator of thousands.
    [Theory]
    [InlineData("top", "--interval", "0,5")]
    [InlineData("top", "--timeout", "2,5")]
    [InlineData("profile", "--timeout", "1,000")]
    [InlineData("stats", "--timeout", "1,000,000")]
    [InlineData("leaks", "--mean-bytes", "65,536")]
    [InlineData("leaks", "--seconds", "1,0")]
    public void ANumberWithACommaIsAnError(string command, string option, string value)
    {
        ParseResult parsed = ToolProgram.CreateRoot().Parse([command, NoProcess, option, value]);
        Assert.Contains(parsed.Errors, error => error.Message.Contains($"'{value}'", StringComparison.Ordinal));
    }

    // Such as a variable of the shell's that is not set. An option that takes two has the right one before it.
    [Theory]
    [MemberData(nameof(OptionsWithAValue))]
    public void AnEmptyValueIsAnError(string command, string option)
    {
        string[] args = option == "--diff" ? [command, option, "a", ""] : [command, NoProcess, option, ""];
        ParseResult parsed = ToolProgram.CreateRoot().Parse(args);
        Assert.Contains(parsed.Errors, error =>
            error.Message.Contains(option, StringComparison.Ordinal) ||
            error.Message.Contains("''", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("profile", "--diff", " ", "b")]
    [InlineData("profile", "--diff", "a\0b", "b")]
    [InlineData("profile", NoProcess, "--output", " ")]
    [InlineData("profile", NoProcess, "-o", "a\0b")]
    [InlineData("map", NoProcess, "--html", "\t")]
    [InlineData("map", NoProcess, "--html", "a\0b")]
    [InlineData("ledger", NoProcess, "--since", " ")]
    [InlineData("ledger", NoProcess, "--since", "a\0b")]
    public void WhatIsNoNameOfAFileIsAnError(params string[] args)
    {
        ParseResult parsed = ToolProgram.CreateRoot().Parse(args);
        Assert.Contains(parsed.Errors, error =>
            error.Message.Contains("is no name of a file", StringComparison.Ordinal) &&
            !error.Message.Any(char.IsControl));
    }

    [Theory]
    [InlineData("top", "--count", "0")]
    [InlineData("top", "--interval", "0.1")]
    [InlineData("top", "--interval", "5e-1")]
    [InlineData("profile", "--mean-bytes", "1")]
    [InlineData("profile", "--seconds", "0")]
    [InlineData("leaks", "--rows", "0")]
    [InlineData("ledger", "--growth", "86400")]
    [InlineData("stats", "--timeout", "0.5")]
    public void AValueAtTheEndOfItsRangeIsNone(string command, string option, string value) =>
        Assert.Empty(ToolProgram.CreateRoot().Parse([command, NoProcess, option, value]).Errors);
}
