using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading.Tasks;
using Hakmem.Tests.Children;
using Xunit;

namespace Hakmem.Tool.Tests.Children;

// A program of TargetPrograms in a process of its own. It does what lines on its input say, and answers each by one.
internal sealed class TargetProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly Process _process;

    private TargetProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public string Pid => Id.ToString(CultureInfo.InvariantCulture);

    public Process Process => _process;

    public static Task<TargetProcess> StartAsync(string program, params (string Name, string Value)[] environment) =>
        StartAsync(ChildProcess.StartInfoOf(["child", program]), environment);

    // Its command line begins with another name, so that it does not tell which assembly is the program's.
    public static Task<TargetProcess> StartUnderNameAsync(string name, string program)
    {
        ProcessStartInfo own = ChildProcess.StartInfoOf(["child", program]);
        ProcessStartInfo start = new("bash") { RedirectStandardOutput = true };
        Array.ForEach(["-c", "exec -a \"$0\" \"$@\"", name, own.FileName, .. own.ArgumentList], start.ArgumentList.Add);
        return StartAsync(start, []);
    }

    private static async Task<TargetProcess> StartAsync(
        ProcessStartInfo start, (string Name, string Value)[] environment)
    {
        start.RedirectStandardInput = true;
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        TargetProcess target = new(Process.Start(start)!);
        Assert.Equal("ready", await target.ReadAsync());
        return target;
    }

    public async Task<string> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
        return await ReadAsync();
    }

    // The answer to a question for numbers: name=value, with blanks between them.
    public async Task<Dictionary<string, long>> AskFiguresAsync(string line)
    {
        Dictionary<string, long> figures = [];
        foreach (string pair in (await AskAsync(line)).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split('=');
            figures.Add(parts[0], long.Parse(parts[1], CultureInfo.InvariantCulture));
        }

        return figures;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync().WaitAsync(s_limit);
        _process.Dispose();
    }

    private async Task<string> ReadAsync() =>
        await _process.StandardOutput.ReadLineAsync().WaitAsync(s_limit) ?? throw new InvalidOperationException(
            "The child ended.");
}
