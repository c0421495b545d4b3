using System;
using System.IO;
using System.Linq;
using System.Text;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Os;

// What the kernel's files say, by the C library's calls.
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
        Assert.Equal(text, LinuxFile.TryRead(AsBytes(Write("text", Encoding.ASCII.GetBytes(text)))));
    }

    [Fact]
    public void APathThatIsReadLeadsToItsFileWhateverItsBytesMean()
    {
        string target = Write("ä", "found"u8.ToArray());
        string pointer = Write("pointer", Encoding.UTF8.GetBytes(target));
        Assert.Equal("found", LinuxFile.TryRead(LinuxFile.TryRead(AsBytes(pointer))!));
    }

    [Fact]
    public void WhatCannotBeReadIsNull()
    {
        Assert.Null(LinuxFile.TryRead(AsBytes(Path.Combine(_folder, "missing"))));
        Assert.Null(LinuxFile.TryRead(AsBytes(_folder)));
    }

    [Fact]
    public void TheKernelsOwnFilesAreReadAsTheFrameworkReadsThem()
    {
        foreach (string path in new[] { "/proc/version", "/proc/filesystems", "/proc/self/cgroup" })
        {
            Assert.Equal(Encoding.Latin1.GetString(File.ReadAllBytes(path)), LinuxFile.TryRead(path));
        }
    }

    [Fact]
    public void NoFileStaysOpen()
    {
        string path = Write("closed", [1]);
        for (int i = 0; i < 10; i++)
        {
            Assert.NotNull(LinuxFile.TryRead(AsBytes(path)));
            Assert.Null(LinuxFile.TryRead(AsBytes(_folder)));
        }

        Assert.DoesNotContain(Directory.EnumerateFiles("/proc/self/fd"), link => new FileInfo(link).LinkTarget?.StartsWith(_folder, StringComparison.Ordinal) == true);
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
