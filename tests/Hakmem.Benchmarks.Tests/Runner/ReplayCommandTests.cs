using System;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Tests.Traces;
using Hakmem.Benchmarks.Traces;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Runner;

public sealed class ReplayCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hakmem-replay-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TracesAreAccepted()
    {
        string file = FileOf("some.hktrace", TraceFile.ToBytes(TestTraces.Random(seed: 1, count: 100)));
        Assert.Empty(ErrorsOf(file, file, "--rounds", "1", "--peers", "nativememory"));
    }

    [Fact]
    public void AnotherNameADamagedFileAndAMissingOneAreErrors()
    {
        string damaged = FileOf("damaged.hktrace", TraceFile.ToBytes(TestTraces.Random(seed: 1, count: 100))[..^1]);
        string missing = Path.Combine(_folder, "missing.hktrace");
        string[] errors = ErrorsOf("some.txt", damaged, missing);
        Assert.Equal(3, errors.Length);
        Assert.StartsWith("some.txt is no trace", errors[0], StringComparison.Ordinal);
        Assert.StartsWith($"{damaged}: The trace is damaged", errors[1], StringComparison.Ordinal);
        Assert.Contains(missing, errors[2], StringComparison.Ordinal);
        Assert.NotEmpty(ErrorsOf());
    }

    [Fact]
    public void TraceShowSaysWhatIsWrongWithAFile()
    {
        string file = FileOf("other.hktrace", "nothing"u8.ToArray());
        Assert.Equal(1, TraceCommand.Create().Parse(["show", file]).Invoke());
    }

    private static string[] ErrorsOf(params string[] arguments) =>
        [.. ReplayCommand.Create().Parse(arguments).Errors.Select(error => error.Message)];

    private string FileOf(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
