using System;
using System.IO;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// What becomes of a list that a container forbids, that cannot be read to its end, or that is no list.
[Needs(SystemNeed.Linux, SystemNeed.Proc)]
public sealed class LinuxResidentSetTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void TryReadListThatIsMissingOrForbiddenIsNull()
    {
        Assert.Null(LinuxResidentSet.TryRead(new MemoryHints(), _file + ".missing"));
        Assert.Null(LinuxResidentSet.TryRead(new MemoryHints(), Path.GetTempPath()));
    }

    // At the first address of this process's memory is nothing: the read fails, though the file exists.
    [Fact]
    public void TryReadThatFailsHalfwayThrows()
    {
        IOException failure = Assert.Throws<IOException>(
            () => LinuxResidentSet.TryRead(new MemoryHints(), "/proc/self/mem"));
        Assert.Contains("/proc/self/mem could not be read", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a list\n")]
    [InlineData("1000-2000 rw-p 0 00:00 0\nSize: 4 kB\n")]
    public void TryReadListThatIsNoneThrows(string text)
    {
        File.WriteAllText(_file, text);
        Assert.Throws<InvalidDataException>(() => LinuxResidentSet.TryRead(new MemoryHints(), _file));
    }

    [Fact]
    public void TryReadListOfAFileIsItsSum()
    {
        string file = SmapsText.Line("1000-4000", "r--s", "/data/x");
        File.WriteAllText(_file, file + SmapsText.Line("5000-6000", "rw-s", "/SYSV1"));
        ResidentSet set = LinuxResidentSet.TryRead(new MemoryHints(), _file)!;
        Assert.True(set.IsTold && set.Threads > 0);
        Assert.Equal(16 << 10, set.TotalBytes);
        Assert.Equal(12 << 10, set[ResidentKind.MappedFiles]);
        Assert.Equal(4 << 10, set[ResidentKind.SharedMemory]);
        Assert.Equal(12 << 10, Assert.Single(set.MappedFiles).Value);
    }
}
