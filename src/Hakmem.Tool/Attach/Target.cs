using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.Diagnostics.NETCore.Client;

namespace Hakmem.Tool.Attach;

// A process to look into, and whether that is possible: said before anything is asked of it where the system tells, and
// after no answer came otherwise.
internal sealed class Target
{
    private const int Root = 0;

    // The runtime's own library, in a program that is one file too.
    private static readonly string[] s_runtimes = ["libcoreclr.so", "libclrjit.so", "System.Private.CoreLib.dll"];

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
            if (ProcFiles.CommandOf(_process) is { Length: > 0 } command)
            {
                string[] words = command.Split(' ');
                bool isHosted = words.Length > 1 && Path.GetFileNameWithoutExtension(words[0]) == "dotnet";
                return Path.GetFileName(isHosted ? words[1] : words[0]);
            }

            try
            {
                using Process process = Process.GetProcessById(Id);
                return process.ProcessName;
            }
            catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
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
        }
    }

    // Whether the process certainly has, or certainly has not, loaded the library; null if the system does not tell.
    public bool? HasLibrary => LibraryPath is not null ? true
        : ProcFiles.FilesOf(_process) is { Count: > 0 } files && !IsOneFile(files) ? false
        : null;

    // The library's version, and whether it answers requests; null if that is not known.
    public (Version Version, bool AnswersRequests)? Library =>
        LibraryPath is { } path ? LibraryFile.TryRead(ProcFiles.PathIn(_process, path)) : null;

    private string? LibraryPath => ProcFiles.FilesOf(_process)?
        .FirstOrDefault(path => Path.GetFileName(path) == LibraryFile.Name);

    // Why the process gave no answer.
    public ToolException Unanswered(TimeSpan waited) => !IsAlive
        ? new ToolException(ToolError.ProcessEnded, $"Process {Id} has ended.")
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

    private static bool IsOneFile(IReadOnlyCollection<string> files) =>
        !files.Any(path => Path.GetFileName(path) == "System.Private.CoreLib.dll");

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
        bool isRuntime = ProcFiles.FilesOf(_process)?.Any(path => s_runtimes.Contains(Path.GetFileName(path))) ?? false;
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
