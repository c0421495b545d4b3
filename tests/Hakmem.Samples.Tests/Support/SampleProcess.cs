using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Samples.Tests.Support;

// A sample's program in a process of its own, as a user starts it: what it measures of its process is its own work alone.
internal sealed partial class SampleProcess : IDisposable
{
    private const int SigTerm = 15;

    // Far longer than any of them takes even on a busy machine.
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly Task<string> _error;

    public SampleProcess(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    // Gives all that a program printed, which must have ended well and without complaint.
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using SampleProcess sample = new(program, arguments);
        return await sample.EndAsync();
    }

    public async Task<string?> ReadLineAsync() =>
        await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(s_hang, TestContext.Current.CancellationToken);

    // What Ctrl+C does to a service, too. A shell may have had that signal ignored by all it starts.
    public void AskToEnd() => Assert.Equal(0, Kill(_process.Id, SigTerm));

    // Gives what was printed and not read yet.
    public async Task<string> EndAsync()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        string output = await _process.StandardOutput.ReadToEndAsync(cancelled).WaitAsync(s_hang, cancelled);
        await _process.WaitForExitAsync(cancelled).WaitAsync(s_hang, cancelled);
        Assert.Equal("", await _error);
        Assert.True(_process.ExitCode == 0, $"The program ended with {_process.ExitCode}: {output}");
        return output;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
