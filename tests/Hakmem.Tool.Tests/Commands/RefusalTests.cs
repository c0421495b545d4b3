using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading.Tasks;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// What the tool says of processes that it cannot look into, and the exit codes that docs/tool.md lists.
public sealed class RefusalTests
{
    // Beyond the largest identifier that Linux gives out.
    private const string NoProcess = "4999999";

    [Theory]
    [InlineData("stats")]
    [InlineData("map")]
    [InlineData("ledger")]
    [InlineData("leaks")]
    [InlineData("profile")]
    [InlineData("trim")]
    [InlineData("top")]
    public async Task ThereIsNoSuchProcess(string command)
    {
        ToolRun run = await ToolRun.OfAsync(command, NoProcess);
        AssertRefused(run, ToolError.NoSuchProcess, "There is no process 4999999");
    }

    [Fact]
    public async Task AnErrorIsAnObjectWhereTheOutputIs()
    {
        ToolRun run = await ToolRun.OfAsync("stats", NoProcess, "--json");
        Assert.Equal(3, run.ExitCode);
        Assert.Contains("\"error\":\"NoSuchProcess\",\"exitCode\":3", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("stats")]
    [InlineData("stats", "-5")]
    [InlineData("stats", "x")]
    [InlineData("nothing")]
    [InlineData("profile")]
    [InlineData("profile", NoProcess, "--seconds", "-1")]
    [InlineData("profile", NoProcess, "--diff", "a", "b")]
    [InlineData("profile", "--diff", "a")]
    [InlineData("ledger", NoProcess, "--growth", "0")]
    [InlineData("ledger", NoProcess, "--growth", "5", "--since", "a")]
    [InlineData("top", NoProcess, "--interval", "0")]
    public async Task AWrongCommandLineIsSaidToBe(params string[] args)
    {
        ToolRun run = await ToolRun.OfAsync(args);
        Assert.True(run.ExitCode is 2 or 3 && (run.ExitCode == 2 || args[^1] == "-5"), $"{run.ExitCode}: {run.Error}");
        Assert.NotEmpty(run.Error);
    }

    [Fact]
    public async Task AProcessThatIsNotDotNet()
    {
        using Process sleep = Process.Start("sleep", "60");
        try
        {
            ToolRun run = await ToolRun.OfAsync("stats", sleep.Id.ToString(CultureInfo.InvariantCulture));
            AssertRefused(run, ToolError.NoDiagnostics, "is not a .NET process");
        }
        finally
        {
            sleep.Kill();
        }
    }

    [Theory]
    [InlineData("DOTNET_EnableDiagnostics")]
    [InlineData("DOTNET_EnableDiagnostics_IPC")]
    public async Task DiagnosticsThatAreSwitchedOff(string variable)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps, (variable, "0"));
        AssertRefused(await ToolRun.OfAsync("stats", target.Pid), ToolError.NoDiagnostics, $"{variable}=0");
    }

    [Fact]
    public async Task AProcessWithoutTheLibrary()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Without);
        AssertRefused(await ToolRun.OfAsync("stats", target.Pid), ToolError.NoHakmem, "has not loaded Hakmem");
    }

    [Fact]
    public async Task AProcessThatHasNotUsedTheLibrary()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Unused);
        ToolRun run = await ToolRun.OfAsync("stats", target.Pid, "--timeout", "2");
        AssertRefused(run, ToolError.NoAnswer, "not allocated from a heap yet");
    }

    // Any assembly of that name which lacks the class that answers.
    [Fact]
    public async Task ALibraryThatIsOlderThanTheProtocol()
    {
        string folder = Directory.CreateTempSubdirectory("hakmem-old").FullName;
        string old = Path.Combine(folder, "Hakmem.dll");
        try
        {
            File.Copy(Path.Combine(AppContext.BaseDirectory, "Google.Protobuf.dll"), old);
            await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Without);
            Assert.Equal("loaded", await target.AskAsync("load " + old));
            AssertRefused(
                await ToolRun.OfAsync("stats", target.Pid), ToolError.OtherVersion, "older than this tool's protocol");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What lies at its path afterwards says nothing of what the process has loaded.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALibraryThatWasReplacedIsAsked(bool isReplaced)
    {
        string folder = Directory.CreateTempSubdirectory("hakmem-replaced").FullName;
        string path = Path.Combine(folder, "Hakmem.dll");
        try
        {
            File.Copy(typeof(HakmemAllocator).Assembly.Location, path);
            await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Without);
            Assert.Equal("loaded", await target.AskAsync("load " + path));
            File.Delete(path);
            if (isReplaced)
            {
                File.Copy(Path.Combine(AppContext.BaseDirectory, "Google.Protobuf.dll"), path);
            }

            ToolRun run = await ToolRun.OfAsync("stats", target.Pid, "--timeout", "1");
            AssertRefused(run, ToolError.NoAnswer, "has loaded Hakmem but did not answer");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task AProcessThatIsStopped()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using (Process stop = Process.Start("kill", ["-STOP", target.Pid]))
        {
            await stop.WaitForExitAsync();
        }

        ToolRun run = await ToolRun.OfAsync("stats", target.Pid, "--timeout", "2");
        AssertRefused(run, ToolError.NoAnswer, "did not answer within 2 s");
    }

    // Only root can start one as another user; elsewhere the first process of the system is another's.
    [Fact]
    public async Task AProcessOfAnotherUser()
    {
        if (Environment.UserName != "root")
        {
            AssertRefused(await ToolRun.OfAsync("stats", "1"), ToolError.OtherUser, "belongs to another user");
            return;
        }

        Assert.SkipUnless(File.Exists("/usr/bin/setpriv"), "setpriv, which makes another user's process, is missing");
        Assert.SkipUnless(
            IsReadableByOthers(AppContext.BaseDirectory), "another user cannot read where the tests were built");
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        string[] command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/tmp",
            "DOTNET_CLI_HOME=/tmp", .. ToolRun.Command];
        AssertRefused(
            await ToolRun.OfAsync(command, ["stats", target.Pid]), ToolError.OtherUser, "belongs to another user (0)");
    }

    [Fact]
    public async Task AHeapThatIsNotThere()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        AssertRefused(
            await ToolRun.OfAsync("stats", target.Pid, "--heap", "x"), ToolError.Refused,
            "There is no heap \"x\". There are: shared (0), orders (1).");
        AssertRefused(
            await ToolRun.OfAsync("stats", target.Pid, "--heap", "a;b"), ToolError.Usage, "cannot be asked for");
    }

    [Fact]
    public void TheLibrarysFileTellsWhetherItAnswers()
    {
        Assert.True(LibraryFile.TryRead(typeof(HakmemAllocator).Assembly.Location)!.Value.AnswersRequests);
        Assert.False(LibraryFile.TryRead(typeof(FactAttribute).Assembly.Location)!.Value.AnswersRequests);
        Assert.Null(LibraryFile.TryRead("/nothing/here"));
        Assert.Null(LibraryFile.TryRead("/bin/sh"));
    }

    private static void AssertRefused(ToolRun run, ToolError error, string message)
    {
        Assert.True(run.ExitCode == (int)error, $"{run.ExitCode}, not {(int)error}: {run.Error}\n{run.Output}");
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    private static bool IsReadableByOthers(string folder)
    {
        for (DirectoryInfo? at = new(folder); at is not null; at = at.Parent)
        {
            if ((at.UnixFileMode & (UnixFileMode.OtherExecute)) == 0)
            {
                return false;
            }
        }

        return true;
    }
}
