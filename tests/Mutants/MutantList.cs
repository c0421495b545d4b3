using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Hakmem.Mutants;

/// <summary>
/// Reads a list of slips. Each begins with <c>## name</c>, followed by lines <c>file: PATH</c>, <c>tests: OPTIONS</c>, where wanted
/// <c>project: FOLDER</c> and <c>equivalent: REASON</c>, then lines that begin with <c>-</c> (the text as it is) and with <c>+</c> (what takes
/// its place). A line that begins with <c>#</c> and is no name is a comment.
/// </summary>
public static class MutantList
{
    private const string DefaultProject = "Hakmem.Tests";
    private const string NameMark = "## ";

    /// <summary>Reads the slips of a list, in its order.</summary>
    /// <exception cref="FormatException">A slip is incomplete or a line is not understood; the message names it.</exception>
    public static IReadOnlyList<Mutant> Read(string path)
    {
        List<Mutant> mutants = [];
        List<string> lines = [];
        foreach (string line in File.ReadLines(path).Append(NameMark))
        {
            if (line.StartsWith(NameMark, StringComparison.Ordinal) && lines.Count > 0)
            {
                mutants.Add(Parse(lines));
                lines.Clear();
            }

            if (line.StartsWith(NameMark, StringComparison.Ordinal) || (lines.Count > 0 && line.Length > 0 && line[0] != '#'))
            {
                lines.Add(line);
            }
        }

        return mutants;
    }

    private static Mutant Parse(List<string> lines)
    {
        string name = lines[0][NameMark.Length..].Trim();
        string? strange = lines.Skip(1).FirstOrDefault(line => line[0] is not ('-' or '+') && !line.Contains(": ", StringComparison.Ordinal));
        if (strange is not null)
        {
            throw new FormatException($"Slip '{name}': the line '{strange}' is not understood.");
        }

        string before = TextOf(lines, '-');
        return before.Length == 0
            ? throw new FormatException($"Slip '{name}' replaces nothing.")
            : new Mutant(
                name,
                FieldOf(lines, "file") ?? throw new FormatException($"Slip '{name}' names no file."),
                FieldOf(lines, "project") ?? DefaultProject,
                (FieldOf(lines, "tests") ?? throw new FormatException($"Slip '{name}' names no tests.")).Split(' '),
                before,
                TextOf(lines, '+'),
                FieldOf(lines, "equivalent"));
    }

    private static string? FieldOf(List<string> lines, string field) =>
        lines.Find(line => line.StartsWith(field + ": ", StringComparison.Ordinal))?[(field.Length + 2)..].Trim();

    private static string TextOf(List<string> lines, char mark) =>
        string.Concat(lines.Skip(1).Where(line => line[0] == mark).Select(line => line[1..] + "\n"));
}
