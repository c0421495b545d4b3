using System;
using System.Diagnostics;
using System.IO;
using System.Text.Json;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Tool.Tests.Support;

// Runs the tool as a process of its own, as people do: by default the one that was built beside the tests.
internal sealed record ToolRun(int ExitCode, string Output, string Error)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    public static Task<ToolRun> OfAsync(params string[] args) => OfAsync(Command, args);

    public static async Task<ToolRun> OfAsync(string[] command, string[] args)
    {
        using Process process = Start(command, args);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(s_limit);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail(
                $"hakmem {string.Join(' ', args)} did not end within {s_limit}.\n{await output}\n{await error}");
        }

        return new ToolRun(process.ExitCode, await output, await error);
    }

    // For a test that ends the tool itself.
    public static Process Start(params string[] args) => Start(Command, args);

    // For a test that interrupts it: whatever runs in a shell's background ignores that, and so do its children.
    public static Process StartInterruptible(params string[] args) =>
        Start(["env", "--default-signal=INT", .. Command], args);

    public static string[] Command { get; } = ["dotnet", Path.Combine(AppContext.BaseDirectory, "Hakmem.Tool.dll")];

    public ToolRun AssertSucceeded()
    {
        Assert.True(ExitCode == 0, $"hakmem ended with {ExitCode}.\n{Output}\n{Error}");
        return this;
    }

    public JsonElement Json
    {
        get
        {
            AssertSucceeded();
            return JsonDocument.Parse(Output).RootElement;
        }
    }

    private static Process Start(string[] command, string[] args)
    {
        ProcessStartInfo start = new(command[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        Array.ForEach([.. command[1..], .. args], start.ArgumentList.Add);
        return Process.Start(start)!;
    }
}
