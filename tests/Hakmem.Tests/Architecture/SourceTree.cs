using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;

namespace Hakmem.Tests.Architecture;

// The repository's sources, as this file knows where it lies.
internal static class SourceTree
{
    public static string Root { get; } = FindRoot();

    public static string Library { get; } = Path.Combine(Root, "src", "Hakmem");

    // All C# sources below a folder, generated ones aside.
    public static IEnumerable<string> FilesBelow(string folder) =>
        Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Where(IsWritten);

    private static bool IsWritten(string path) =>
        !Path.GetRelativePath(Root, path).Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin");

    private static string FindRoot([CallerFilePath] string here = "")
    {
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
        return Directory.Exists(Path.Combine(root, "src", "Hakmem"))
            ? root
            : throw new DirectoryNotFoundException($"There are no sources at {root}: these tests run where they were built.");
    }
}
