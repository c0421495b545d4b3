using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Hakmem.Documentation.Tests.Blocks;

// Writes every block as a source file, and a program that runs them one after the other: what a project outside this tree compiles
// against the package (tests/PackageConsumer).
internal static class BlockProgram
{
    // Returns how many blocks there are.
    public static int WriteTo(string directory)
    {
        Directory.CreateDirectory(directory);
        List<CodeBlock> blocks = [.. Documents.Blocks.Where(block => block.Language == "csharp")];
        foreach (CodeBlock block in blocks)
        {
            File.WriteAllText(Path.Combine(directory, BlockSource.ClassOf(block) + ".cs"), BlockSource.Wrap(block));
        }

        string arguments = string.Join(", ", BlockRun.Arguments.Select(argument => $"\"{argument}\""));
        IEnumerable<string> calls = blocks.Select(block =>
            $"Console.WriteLine(\"{block.Place}\");\nawait {BlockSource.Namespace}.{BlockSource.ClassOf(block)}.RunAsync([{arguments}]);\n");
        File.WriteAllText(
            Path.Combine(directory, "Program.cs"),
            string.Concat(calls) + $"Console.WriteLine(\"{blocks.Count} code blocks of the documents ran.\");\n");
        return blocks.Count;
    }
}
