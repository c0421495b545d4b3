using System;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Profiles;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Profiles;

// Where a command writes: files, links, devices, pipes and its own output. Two made profiles give it something to
// write.
public sealed class WholeFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hakmem-file").FullName;

    public WholeFileTests()
    {
        WriteProfile("before", 1 << 20);
        WriteProfile("after", 5 << 20);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("target")]
    public void ALinkStaysAndADeviceIsNotReplaced(string target)
    {
        SkipOnWindows();
        string link = PathOf("link");
        File.WriteAllText(PathOf("target"), "before");
        File.CreateSymbolicLink(link, target);
        Write(link, stream => stream.Write("after"u8));
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        Assert.Equal(target == "target" ? "after" : "before", File.ReadAllText(PathOf("target")));
        Assert.Equal(target == "target" ? "after" : "", File.ReadAllText(link));
        Assert.Equal(4, Directory.GetFiles(_folder).Length);
    }

    [Fact]
    public void AFileThatFailsHalfwayIsNotThere()
    {
        string path = PathOf("half");
        File.WriteAllText(path, "before");
        Assert.Throws<InvalidOperationException>(() => Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal(3, Directory.GetFiles(_folder).Length);
    }

    // A file is one wherever it lies, also in memory; what it had is gone.
    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1 << 20)]
    public async Task AFileBelowTheDevicesIsAFile(int oldBytes)
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "This system has no files below /dev.");
        string path = $"/dev/shm/hakmem-{Guid.NewGuid():N}.pb.gz";
        try
        {
            if (oldBytes >= 0)
            {
                await File.WriteAllBytesAsync(path, new byte[oldBytes]);
            }

            (await RunDiffAsync("-o", path)).AssertSucceeded();
            Assert.Equal(4 << 20, PprofReader.Read(path).InUseBytes);
            Assert.InRange(new FileInfo(path).Length, 1, 1_000);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // Behind what is there, and with no table in it.
    [Theory]
    [InlineData("/dev/stdout")]
    [InlineData("/dev/fd/1")]
    [InlineData("/proc/self/fd/1")]
    [InlineData("LINK")]
    public async Task TheOutputHasTheFileAlone(string path)
    {
        SkipOnWindows();
        File.CreateSymbolicLink(PathOf("LINK"), "/dev/stdout");
        string at = Path.Combine(_folder, path);
        await File.WriteAllTextAsync(PathOf("log"), "old\n");
        (await RunDiffAsync($">>{PathOf("log")}", "-o", at)).AssertSucceeded();
        (await RunDiffAsync($">{PathOf("new")}", "-o", at)).AssertSucceeded();
        (await RunDiffAsync($"| cat >{PathOf("piped")}", "-o", at)).AssertSucceeded();
        byte[] log = await File.ReadAllBytesAsync(PathOf("log"));
        Assert.Equal("old\n"u8, log.AsSpan(0, 4));
        Assert.Equal(4 << 20, PprofReader.Read(log[4..], "log").InUseBytes);
        Assert.Equal(log[4..], await File.ReadAllBytesAsync(PathOf("new")));
        Assert.Equal(log[4..], await File.ReadAllBytesAsync(PathOf("piped")));
    }

    [Fact]
    public async Task TheOutputCannotHaveTheFileAndJson()
    {
        SkipOnWindows();
        ToolRun run = await RunDiffAsync("-o", "/dev/stdout", "--json");
        Assert.Equal((int)ToolError.Usage, run.ExitCode);
        Assert.Contains("--json", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    // It would be opened anew, and its end is not known.
    [Fact]
    public async Task AnOpenFileIsNotWrittenByItsNumber()
    {
        SkipOnWindows();
        await File.WriteAllTextAsync(PathOf("log"), "old\n");
        ToolRun run = await RunDiffAsync($"9>>{PathOf("log")}", "-o", "/dev/fd/9");
        Assert.Equal((int)ToolError.File, run.ExitCode);
        Assert.Contains("by its own name", run.Error, StringComparison.Ordinal);
        Assert.Equal("old\n", await File.ReadAllTextAsync(PathOf("log")));
    }

    [Fact]
    public async Task APipeIsWrittenTo()
    {
        SkipOnWindows();
        string pipe = await MakePipeAsync();
        string copy = PathOf("copy");
        using Process reader = Process.Start("cp", [pipe, copy]);
        (await RunDiffAsync("-o", pipe)).AssertSucceeded();
        await reader.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(4 << 20, PprofReader.Read(copy).InUseBytes);
        (await RunDiffAsync($"9> >(cat >{copy})", "-o", "/dev/fd/9")).AssertSucceeded();
    }

    [Fact]
    public async Task APipeThatNobodyReadsCanBeInterrupted()
    {
        SkipOnWindows();
        using Process tool = ToolRun.StartInterruptible(
            "profile", "--diff", PathOf("before"), PathOf("after"), "-o", await MakePipeAsync());
        await Task.Delay(2_000);
        Assert.False(tool.HasExited);
        using (Process interrupt = Process.Start("kill", ["-INT", $"{tool.Id}"]))
        {
            await interrupt.WaitForExitAsync();
        }

        try
        {
            await tool.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        }
        finally
        {
            tool.Kill();
        }

        Assert.Equal((int)ToolError.Cancelled, tool.ExitCode);
    }

    // Before anything is sampled for it.
    [Fact]
    public void ASocketIsSaidToBeUnwritable()
    {
        SkipOnWindows();
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(PathOf("socket")));
        ToolException failure = Assert.Throws<ToolException>(() => WholeFile.Open(PathOf("socket")));
        Assert.Equal(ToolError.File, failure.Error);
        Assert.Contains("cannot be written", failure.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(PathOf("socket")));
    }

    [Fact]
    public async Task AFullDeviceIsSaidToBeUnwritable()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "This system has no device that is full.");
        ToolRun run = await RunDiffAsync("-o", "/dev/full");
        Assert.Equal((int)ToolError.File, run.ExitCode);
        Assert.Contains("/dev/full cannot be written", run.Error, StringComparison.Ordinal);
        Assert.Equal((int)ToolError.File, (await RunDiffAsync(">/dev/full", "-o", "/dev/stdout")).ExitCode);
    }

    private static void Write(string path, Action<Stream> write)
    {
        using WholeFile file = WholeFile.Open(path);
        file.Write(write);
    }

    private async Task<string> MakePipeAsync()
    {
        string pipe = PathOf("pipe");
        using Process make = Process.Start("mkfifo", pipe);
        await make.WaitForExitAsync();
        return pipe;
    }

    private static void SkipOnWindows() =>
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right there, and outputs have no names.");

    // The difference of the two profiles, with the shell's redirection in front, if there is one.
    private Task<ToolRun> RunDiffAsync(params string[] args)
    {
        string redirection = args[0].StartsWith('-') ? "" : args[0];
        string[] options = redirection.Length == 0 ? args : args[1..];
        return ToolRun.OfAsync(
            ["bash", "-c", $"set -o pipefail; \"$@\" {redirection}", "bash", .. ToolRun.Command],
            ["profile", "--diff", PathOf("before"), PathOf("after"), .. options]);
    }

    private void WriteProfile(string name, long bytes)
    {
        SampleAnswer sample = new() { Stack = ["Function"], InUseBytes = bytes, InUseObjects = 1 };
        using FileStream file = File.Create(PathOf(name));
        new ProfileAnswer { Heaps = [new HeapProfileAnswer { Samples = [sample] }] }.ToProfile().WritePprof(file);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
