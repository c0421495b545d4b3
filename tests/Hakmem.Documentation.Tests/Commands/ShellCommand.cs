using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Documentation.Tests.Blocks;

namespace Hakmem.Documentation.Tests.Commands;

// A command that a document shows, in a fence without a label or between backticks, or that a workflow runs:
// `dotnet run --project ...` or `bash ...`.
internal sealed partial record ShellCommand(string Document, string Text)
{
    // What follows --project, or null.
    public string? Project => ProjectOption().Match(Text) is { Success: true } match ? match.Groups[1].Value : null;

    // The project or solution that is built or packed, or null.
    public string? Built => BuiltPath().Match(Text) is { Success: true } match ? match.Groups[1].Value : null;

    // The script that bash is to run, or null.
    public string? Script => BashScript().Match(Text) is { Success: true } match ? match.Groups[1].Value : null;

    // What the program itself is told: the words behind the lone --.
    public string[] Arguments => Text.IndexOf(" -- ", System.StringComparison.Ordinal) is >= 0 and int start ? Text[(start + 4)..].Split(' ') : [];

    public static IEnumerable<ShellCommand> Of(string document)
    {
        string text = Documents.TextOf(document);
        IEnumerable<string> fenced = Documents.BlocksOf(document, text).Where(block => block.Language.Length == 0)
            .SelectMany(block => block.Text.Split('\n'));
        IEnumerable<string> inline = InlineCode().Matches(text).Select(match => match.Groups[1].Value);
        return Among(document, fenced.Concat(inline));
    }

    // The lines that are such commands.
    public static IEnumerable<ShellCommand> Among(string document, IEnumerable<string> lines) =>
        lines.Select(line => Comment().Replace(line, "").Trim()).Where(line => Start().IsMatch(line))
            .Select(line => new ShellCommand(document, line));

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex InlineCode();

    // Variables may be set in front.
    [GeneratedRegex("^([A-Z_]+=\\S+ )*(dotnet (run|build|pack|test)|bash) ")]
    private static partial Regex Start();

    [GeneratedRegex("\\s#.*$")]
    private static partial Regex Comment();

    [GeneratedRegex("--project (\\S+)")]
    private static partial Regex ProjectOption();

    [GeneratedRegex("^dotnet (?:build|pack) ([^-\\s]\\S*)")]
    private static partial Regex BuiltPath();

    [GeneratedRegex("^bash (\\S+)")]
    private static partial Regex BashScript();
}
