using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Tests.Architecture;

// What no compiler setting checks, over the library's and the tests' sources.
public sealed partial class SourceRuleTests
{
    // A file has one subject. A class with one subject is not cut in two to be shorter, and short types that belong
    // together share a file.
    private const int MaxLines = 600;
    private const int MaxColumns = 120;
    private const int MaxLinesOfKin = 160;

    private static readonly string[] s_folders =
        [Path.Combine(SourceTree.Root, "src"), Path.Combine(SourceTree.Root, "tests"), Path.Combine(SourceTree.Root, "benchmarks")];

    [Fact]
    public void NoFileIsLongerThanOneCanRead() =>
        AssertNone(file => File.ReadLines(file).Count() > MaxLines ? $"has more than {MaxLines} lines" : null);

    [Fact]
    public void LinesOfTheLibraryAreAtMost120ColumnsWide() => AssertNone(file =>
    {
        bool isLibrary = file.StartsWith(s_folders[0] + Path.DirectorySeparatorChar, StringComparison.Ordinal);
        string? wide = isLibrary ? File.ReadLines(file).FirstOrDefault(line => line.Length > MaxColumns) : null;
        return wide is null ? null : $"has a line of more than {MaxColumns} columns: {wide.Trim()}";
    });

    [Fact]
    public void AFileHasOneTypeAndItsNameOrIsShort() => AssertNone(file =>
    {
        string[] types = [.. TopLevelType().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)];

        // A part of a type may add to the name: Type.Part.cs. Small types may follow the one that they belong to.
        string expected = Path.GetFileName(file).Split('.')[0];
        bool isFine = types.Length <= 1
            ? types.All(type => type == expected)
            : types[0] == expected || File.ReadLines(file).Count() <= MaxLinesOfKin;
        return isFine ? null : $"declares {string.Join(", ", types)}";
    });

    [Fact]
    public void OnlyTheMemoryLayerAsksWhichSystemThisIs() => AssertNone(file =>
        file.Contains($"{Path.DirectorySeparatorChar}Os{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ||
        !file.StartsWith(SourceTree.Library + Path.DirectorySeparatorChar, StringComparison.Ordinal) ||
        !SystemQuestion().IsMatch(File.ReadAllText(file))
            ? null
            : "asks for the operating system");

    // See Os/Argument.cs.
    [Fact]
    public void TheLibraryChecksArgumentsByItsOwnHelpers() => AssertNone(file =>
        file.StartsWith(SourceTree.Library + Path.DirectorySeparatorChar, StringComparison.Ordinal) &&
        FrameworkCheck().IsMatch(File.ReadAllText(file))
            ? "checks arguments by the framework's helpers"
            : null);

    [Fact]
    public void OnlyTheMemoryLayerCallsNativeCode() => AssertNone(file =>
        file.Contains($"{Path.DirectorySeparatorChar}Os{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ||
        !file.StartsWith(SourceTree.Library + Path.DirectorySeparatorChar, StringComparison.Ordinal) ||
        !NativeImport().IsMatch(File.ReadAllText(file))
            ? null
            : "imports native code");

    // A nuint is a UIntPtr to netstandard2.0, and that ignores a format on Mono and .NET Framework: it is decimal there.
    [Fact]
    public void AnAddressInAMessageIsFormattedAsUlong() => AssertNone(file =>
    {
        bool isLibrary = file.StartsWith(s_folders[0] + Path.DirectorySeparatorChar, StringComparison.Ordinal);
        Match address = isLibrary ? UncastAddress().Match(File.ReadAllText(file)) : Match.Empty;
        return address.Success ? $"has {address.Value}" : null;
    });

    private static void AssertNone(Func<string, string?> findingOf)
    {
        List<string> findings = [];
        int files = 0;
        foreach (string file in s_folders.Where(Directory.Exists).SelectMany(SourceTree.FilesBelow))
        {
            files++;
            if (findingOf(file) is { } finding)
            {
                findings.Add($"{Path.GetRelativePath(SourceTree.Root, file)} {finding}");
            }
        }

        Assert.True(files > 100, $"Only {files} sources were found.");
        Assert.Empty(findings);
    }

    [GeneratedRegex(@"Exception\.ThrowIf\w*\(")]
    private static partial Regex FrameworkCheck();

    [GeneratedRegex(@"^(?:public |internal |file )?(?:(?:static|sealed|abstract|unsafe|readonly|partial|ref) )*(?:class|struct|interface|enum|record(?: class| struct)?|delegate \S+) (\w+)", RegexOptions.Multiline)]
    private static partial Regex TopLevelType();

    [GeneratedRegex(@"\bOperatingSystem\.Is|\bRuntimeInformation\b|\bEnvironment\.OSVersion\b|SupportedOSPlatformGuard")]
    private static partial Regex SystemQuestion();

    // A byte has a width, x2. The constant is a ulong.
    [GeneratedRegex(@"\{(?!\(ulong\)|PageMapEntry\.LeastAddress)[^{}""]*:x\}")]
    private static partial Regex UncastAddress();

    [GeneratedRegex(@"\[(?:LibraryImport|DllImport)\b")]
    private static partial Regex NativeImport();
}
