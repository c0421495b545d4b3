using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Tests.Architecture;

namespace Hakmem.Documentation.Tests.Blocks;

// The repository's documents and the fenced blocks in them.
//
// A block that needs something around it names it in a comment in front of the fence, which readers of the page do not see:
// <!-- context: name -->. BlockContext has the names.
internal static partial class Documents
{
    private const string Fence = "```";

    // The paths of all documents from the repository's root, whatever is built or restored aside.
    public static IEnumerable<string> Files => Directory.EnumerateFiles(SourceTree.Root, "*.md", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(SourceTree.Root, file))
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin" or "artifacts" || part.StartsWith('.')))
        .Order(StringComparer.Ordinal);

    public static IEnumerable<CodeBlock> Blocks => Files.SelectMany(file => BlocksOf(file, TextOf(file)));

    public static string TextOf(string document) => File.ReadAllText(Path.Combine(SourceTree.Root, document));

    // The blocks of a document's text. Throws InvalidDataException for a fence that is never closed.
    public static IReadOnlyList<CodeBlock> BlocksOf(string document, string text)
    {
        string[] lines = text.Split('\n');
        List<CodeBlock> blocks = [];
        string? context = null;
        for (int line = 0; line < lines.Length; line++)
        {
            string trimmed = lines[line].Trim();
            if (trimmed.StartsWith(Fence, StringComparison.Ordinal))
            {
                int end = Array.FindIndex(lines, line + 1, candidate => candidate.Trim() == Fence);
                if (end < 0)
                {
                    throw new InvalidDataException($"{document}({line + 1}): this fence is never closed.");
                }

                blocks.Add(new CodeBlock(document, line + 2, trimmed[Fence.Length..], context, string.Join('\n', lines[(line + 1)..end]) + "\n"));
                context = null;
                line = end;
            }
            else if (trimmed.Length > 0)
            {
                Match comment = ContextComment().Match(trimmed);
                context = comment.Success ? comment.Groups[1].Value : null;
            }
        }

        return blocks;
    }

    [GeneratedRegex("^<!-- context: (.+) -->$")]
    private static partial Regex ContextComment();
}
