using System;
using System.IO;
using System.Linq;
using System.Text;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// What the kernel's files say, by the C library's calls.
[Needs(SystemNeed.Linux)]
public sealed class LinuxFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hakmem-файл-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Around the lengths at which the buffer is full, where a file that ends and one that goes on look alike.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(8192)]
    [InlineData(100_000)]
    public void AFileOfAnyLengthIsReadToItsEnd(int length)
    {
        string text = string.Concat(Enumerable.Range(0, length).Select(i => (char)(' ' + (i % 90))));
        Assert.Equal(text, Read(AsBytes(Write("text", Encoding.ASCII.GetBytes(text)))));
    }

    [Fact]
    public void APathThatIsReadLeadsToItsFileWhateverItsBytesMean()
    {
        string target = Write("ä", "found"u8.ToArray());
        string pointer = Write("pointer", Encoding.UTF8.GetBytes(target));
        Assert.Equal("found", Read(Read(AsBytes(pointer))!));
    }

    [Fact]
    public void WhatIsNotThereIsNull()
    {
        Assert.Null(Read(AsBytes(Path.Combine(_folder, "missing"))));
        Assert.Null(Read(AsBytes(Path.Combine(Write("file", [1]), "missing"))));
        Assert.Null(Read(AsBytes(_folder)));
    }

    // It may be there, and readable another time: a process that has too many files open is told as little.
    [Fact]
    public void WhatCannotBeReadNowIsNoAnswer()
    {
        string loop = Path.Combine(_folder, "loop");
        File.CreateSymbolicLink(loop, loop);
        Assert.False(LinuxFile.TryRead(AsBytes(loop), out string? text));
        Assert.Null(text);

        // Of this process's own memory, nothing is at the first address.
        Assert.False(LinuxFile.TryRead("/proc/self/mem", out text));
        Assert.Null(text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5000)]
    public void LinesAreCounted(int lines)
    {
        string path = Write("lines", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a line\n", lines))));
        Assert.True(LinuxFile.TryCountLines(AsBytes(path), out long counted));
        Assert.Equal(lines, counted);
        Assert.False(LinuxFile.TryCountLines(AsBytes(Path.Combine(_folder, "missing")), out _));
        Assert.False(LinuxFile.TryCountLines(AsBytes(_folder), out _));
    }

    [Fact]
    public void TheKernelsOwnFilesAreReadAsTheFrameworkReadsThem()
    {
        foreach (string path in new[] { "/proc/version", "/proc/filesystems", "/proc/self/cgroup" })
        {
            Assert.Equal(Encoding.Latin1.GetString(File.ReadAllBytes(path)), Read(path));
        }
    }

    [Fact]
    public void NoFileStaysOpen()
    {
        string path = Write("closed", [1]);
        for (int i = 0; i < 10; i++)
        {
            Assert.NotNull(Read(AsBytes(path)));
            Assert.Null(Read(AsBytes(_folder)));
        }

        Assert.DoesNotContain(Directory.EnumerateFiles("/proc/self/fd"), link => new FileInfo(link).LinkTarget?.StartsWith(_folder, StringComparison.Ordinal) == true);
    }

    private static string? Read(string path)
    {
        Assert.True(LinuxFile.TryRead(path, out string? text));
        return text;
    }

    // As the reader gives and takes paths: a character for each byte.
    private static string AsBytes(string path) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(path));

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
