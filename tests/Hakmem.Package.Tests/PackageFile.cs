using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.IO.Compression;
using System.Linq;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Package.Tests;

// A package that was just made, out of the directory that the environment variable HAKMEM_TEST_FEED names (by its full
// path, or from the repository's root). Without the variable, or without the package, every test fails: none is
// skipped, since a package that nobody looked at must not pass for a good one.
internal static class PackageFile
{
    public const string Core = "Hakmem";
    public const string AspNetCore = "Hakmem.AspNetCore";
    public const string Arrow = "Hakmem.Arrow";
    public const string ImageSharp = "Hakmem.ImageSharp";
    public const string BenchmarkDotNet = "Hakmem.BenchmarkDotNet";
    public const string Tool = "Hakmem.Tool";

    private const string Variable = "HAKMEM_TEST_FEED";

    // The paths of a package's files that end with this, in order.
    public static string[] PathsEndingWith(string package, string ending)
    {
        using ZipArchive archive = Open(package, ".nupkg");
        IEnumerable<string> paths = archive.Entries.Select(entry => entry.FullName);
        return [.. paths.Where(path => path.EndsWith(ending, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    public static ImmutableArray<byte> Read(string package, string path) => Read(package, ".nupkg", path);

    public static ImmutableArray<byte> ReadSymbols(string package, string path) => Read(package, ".snupkg", path);

    private static ImmutableArray<byte> Read(string package, string extension, string path)
    {
        using ZipArchive archive = Open(package, extension);
        ZipArchiveEntry? entry = archive.GetEntry(path);
        Assert.True(entry is not null, $"{package}{extension} has no {path}.");
        using Stream stream = entry.Open();
        using MemoryStream copy = new();
        stream.CopyTo(copy);
        return [.. copy.ToArray()];
    }

    private static ZipArchive Open(string package, string extension)
    {
        string? feed = Environment.GetEnvironmentVariable(Variable);
        Assert.False(string.IsNullOrEmpty(feed), $"{Variable} must name the directory that `dotnet pack` wrote to.");
        feed = Path.GetFullPath(feed, SourceTree.Root);

        // The version begins with a digit: Hakmem.* alone would be Hakmem.AspNetCore as well.
        string[] files = [.. Directory.GetFiles(feed, $"{package}.*{extension}")
            .Where(file => char.IsAsciiDigit(Path.GetFileName(file)[package.Length + 1]))];
        Assert.True(files.Length == 1, $"{feed} has {files.Length} packages {package} ({extension}); one is expected.");
        return ZipFile.OpenRead(files[0]);
    }
}
