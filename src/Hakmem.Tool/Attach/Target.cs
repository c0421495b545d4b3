using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Diagnostics.NETCore.Client;

namespace Hakmem.Tool.Attach;

// A process to look into, and whether that is possible: said before anything is asked of it where the system tells, and
// after no answer came otherwise.
internal sealed class Target
{
    private const int Root = 0;

    // The runtime's own library, in a program that is one file too.
    private static readonly string[] s_runtimes = ["libcoreclr.so", "libclrjit.so", "System.Private.CoreLib.dll"];

    // How often to look whether a process is still there.
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(0.2);

    private readonly string _process;

    private Target(int id)
    {
        Id = id;
        _process = id.ToString(CultureInfo.InvariantCulture);
    }

    public int Id { get; }

    // The processes of this user that have a diagnostics socket, without this one.
    public static IReadOnlyList<Target> FindAll() =>
        [.. DiagnosticsClient.GetPublishedProcesses().Where(id => id != Environment.ProcessId).Distinct().Order()
            .Select(id => new Target(id))];

    // Throws ToolException if the process cannot be looked into.
    public static Target Require(int id)
    {
        Target target = new(id);
        target.RequireProcess();
        target.RequireUser();
        target.RequireDiagnostics();
        target.RequireLibrary();
        return target;
    }

    // What people call it: its command line, or the name of its program.
    public string Name
    {
        get
        {
            if (ProcFiles.CommandOf(_process) is { Count: > 0 } words)
            {
                return NameOf(words);
            }

            try
            {
                using Process process = Process.GetProcessById(Id);
                return process.ProcessName;
            }
            catch (Exception failure) when (
                failure is ArgumentException or InvalidOperationException or Win32Exception)
            {
                return "?";
            }
        }
    }

    public bool IsAlive
    {
        get
        {
            try
            {
                using Process process = Process.GetProcessById(Id);
                return !process.HasExited;
            }
            catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
            {
                return false;
            }
            catch (Win32Exception)
            {
                // There is one, and Windows does not let this user ask about it.
                return true;
            }
        }
    }

    // Whether the process has loaded the library; null if the system does not tell.
    public bool? HasLibrary => HasLibraryIn(ProcFiles.CommandOf(_process) ?? [], ProcFiles.FilesOf(_process) ?? []);

    // The library's version, and whether it answers requests; null if that is not known. What lies where a deleted file
    // was may be another version.
    public (Version Version, bool AnswersRequests)? Library => LibraryPath is { } path && !ProcFiles.IsDeleted(path)
        ? LibraryFile.TryRead(ProcFiles.PathIn(_process, path))
        : null;

    private string? LibraryPath => ProcFiles.FilesOf(_process)?
        .FirstOrDefault(path => ProcFiles.NameOf(path) == LibraryFile.Name);

    // Of a program that loads its assemblies from files of their own, its own is mapped, and so would the library be.
    // Others are one file, with or without the runtime, or loaded their assemblies from bytes: they have to be asked.
    internal static bool? HasLibraryIn(IReadOnlyList<string> command, IReadOnlyCollection<string> mapped)
    {
        HashSet<string> names = [.. mapped.Select(ProcFiles.NameOf)];
        return names.Contains(LibraryFile.Name) ? true
            : command.Count > 0 && names.Contains(AssemblyOf(command)) ? false
            : null;
    }

    internal static string NameOf(IReadOnlyList<string> command) =>
        IsHosted(command) && command.Count > 1 ? Path.GetFileName(AssemblyPathOf(command) ?? command[1])
        : Path.GetFileName(command[0]);

    private static bool IsHosted(IReadOnlyList<string> command) =>
        Path.GetFileNameWithoutExtension(command[0]) == "dotnet";

    // The assembly that `dotnet` runs: `exec` and options may stand before it.
    private static string? AssemblyPathOf(IReadOnlyList<string> command) =>
        command.Skip(1).FirstOrDefault(word => word.EndsWith(".dll", StringComparison.OrdinalIgnoreCase));

    private static string AssemblyOf(IReadOnlyList<string> command) =>
        Path.GetFileName(IsHosted(command) ? AssemblyPathOf(command) ?? "dotnet.dll" : command[0] + ".dll");

    // Waits for so long. Throws ToolException as soon as the process has ended.
    public async Task WaitAsync(TimeSpan time, CancellationToken cancelled)
    {
        Task over = Task.Delay(time, cancelled);
        while (await Task.WhenAny(over, Task.Delay(s_look, cancelled)).ConfigureAwait(false) != over)
        {
            if (!IsAlive)
            {
                throw Ended();
            }
        }

        await over.ConfigureAwait(false);
    }

    // Why the process gave no answer.
    public ToolException Unanswered(TimeSpan waited) => !IsAlive
        ? Ended()
        : HasLibrary == true
            ? new ToolException(
                ToolError.NoAnswer,
                $"Process {Id} has loaded Hakmem but did not answer within {waited.TotalSeconds:0.#} s. Either " +
                "it has not allocated from a heap yet, or it is stopped or too busy, or its event sources are " +
                "switched off (System.Diagnostics.Tracing.EventSource.IsSupported). Try again, or with a longer " +
                "--timeout.")
            : new ToolException(
                ToolError.NoHakmem,
                $"Process {Id} did not answer within {waited.TotalSeconds:0.#} s: it seems not to use Hakmem.");

    public ToolException Ended() => new(ToolError.ProcessEnded, $"Process {Id} has ended.");

    private void RequireProcess()
    {
        if (Id <= 0 || !IsAlive)
        {
            throw new ToolException(ToolError.NoSuchProcess,
                $"There is no process {Id}. `hakmem ps` lists those to look into.");
        }
    }

    private void RequireUser()
    {
        int? mine = ProcFiles.UserOf("self");
        if (mine is not (null or Root) && ProcFiles.UserOf(_process) is { } user && user != mine)
        {
            throw new ToolException(
                ToolError.OtherUser,
                $"Process {Id} belongs to another user ({user}). Run hakmem as that user, or as root.");
        }
    }

    private void RequireDiagnostics()
    {
        if (DiagnosticsClient.GetPublishedProcesses().Contains(Id))
        {
            return;
        }

        string? variable = ProcFiles.VariablesOf(_process)?.FirstOrDefault(IsSwitchedOff);
        bool isRuntime = ProcFiles.FilesOf(_process)?.Any(path => s_runtimes.Contains(ProcFiles.NameOf(path))) ?? false;
        throw new ToolException(ToolError.NoDiagnostics, variable is not null
            ? $"Process {Id} was started with {variable}, which switches its diagnostics off. Start it without."
            : isRuntime
                ? $"Process {Id} is a .NET process without a diagnostics socket: its diagnostics are off, or " +
                    "its TMPDIR is another than this one's."
                : $"Process {Id} is not a .NET process, or its diagnostics are switched off.");
    }

    private static bool IsSwitchedOff(string variable)
    {
        string[] parts = variable.Split('=', 2);
        return parts is [var name, "0"] && (name.EndsWith("_EnableDiagnostics", StringComparison.Ordinal) ||
            name.EndsWith("_EnableDiagnostics_IPC", StringComparison.Ordinal));
    }

    private void RequireLibrary()
    {
        if (HasLibrary == false)
        {
            throw new ToolException(ToolError.NoHakmem, $"Process {Id} ({Name}) has not loaded Hakmem.");
        }

        if (Library is { AnswersRequests: false } library)
        {
            throw new ToolException(
                ToolError.OtherVersion,
                $"Process {Id} uses Hakmem {library.Version.ToString(3)}, which is older than this tool's protocol. " +
                "Its event source, HakmemMetrics and NativeMemoryReport work from within.");
        }
    }
}
