using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// Starts this very program, for what needs a process of its own: as `child <scenario> [args]`, or as a test run.
internal static class ChildProcess
{
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(2);

    public static ChildResult Run(
        string scenario,
        string[]? args = null,
        IReadOnlyDictionary<string, string>? environment = null,
        long addressSpaceBytes = 0,
        MemoryGroup? group = null) =>
        RunProgram(["child", scenario, .. args ?? []], environment, addressSpaceBytes, group);

    // For a test that talks to the child itself. Its output is redirected.
    public static ProcessStartInfo StartInfoOf(string[] args)
    {
        string[] command = Command;
        ProcessStartInfo start = new(command[0]) { RedirectStandardOutput = true };
        Array.ForEach([.. command[1..], .. args], start.ArgumentList.Add);
        return start;
    }

    private static string[] Command =>
    [
        .. Emulator.Command,
        Path.Combine(
            AppContext.BaseDirectory,
            typeof(ChildProcess).Assembly.GetName().Name! + (OperatingSystem.IsWindows() ? ".exe" : "")),
    ];

    public static ChildResult RunProgram(
        string[] args,
        IReadOnlyDictionary<string, string>? environment = null,
        long addressSpaceBytes = 0,
        MemoryGroup? group = null,
        TimeSpan? hang = null)
    {
        string[] command = Command;
        ProcessStartInfo start = new() { RedirectStandardOutput = true, RedirectStandardError = true };
        if (group is not null)
        {
            // A shell enters the group, which takes its memory into account from then on, and then becomes the child.
            start.FileName = "/bin/sh";
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add($"echo $$ > '{group.ProcessList}' && exec \"$0\" \"$@\"");
            args = [.. command, .. args];
        }
        else if (addressSpaceBytes == 0)
        {
            start.FileName = command[0];
            args = [.. command[1..], .. args];
        }
        else
        {
            // The limit is set by a shell that then becomes the child. The runtime's own heap needs to be told, too.
            start.FileName = "/bin/sh";
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add($"ulimit -v {addressSpaceBytes / 1024} && exec \"$0\" \"$@\"");
            args = [.. command, .. args];
            start.Environment["DOTNET_GCHeapHardLimit"] = "8000000";
        }

        Array.ForEach(args, start.ArgumentList.Add);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(hang ?? s_hang))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"The child process '{string.Join(' ', args)}' did not end within {hang ?? s_hang}.");
        }

        process.WaitForExit();
        return new ChildResult(process.ExitCode, WithLineFeeds(output), WithLineFeeds(error));
    }

    // Tests look for lines, whatever ends them on the system.
    private static string WithLineFeeds(Task<string> text) => text.GetAwaiter().GetResult().ReplaceLineEndings("\n");
}
