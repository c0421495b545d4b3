using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Hakmem.Tool.Attach;

// What Linux says of another process. Null where it says nothing: another system, another user's process, one that has
// ended.
internal static class ProcFiles
{
    // The effective user of a process.
    public static int? UserOf(string process)
    {
        string? line = TryReadLines(process, "status")?
            .FirstOrDefault(text => text.StartsWith("Uid:", StringComparison.Ordinal));
        string[] fields = line?.Split('\t', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return fields.Length > 2
            && int.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out int user)
            ? user
            : null;
    }

    // What Linux puts behind the path of a file that is not there any more, or was replaced.
    private const string Deleted = " (deleted)";

    // The paths of the files that a process has mapped, as Linux writes them.
    public static IReadOnlyCollection<string>? FilesOf(string process) => TryReadLines(process, "maps")?
        .Select(line => line.IndexOf('/', StringComparison.Ordinal) is var at and >= 0 ? line[at..] : "")
        .Where(path => path.Length > 0)
        .ToHashSet();

    public static IReadOnlyList<string>? VariablesOf(string process) =>
        TryRead(process, "environ")?.Split('\0', StringSplitOptions.RemoveEmptyEntries);

    // The words of the command line, the program's path first.
    public static IReadOnlyList<string>? CommandOf(string process) =>
        TryRead(process, "cmdline")?.Split('\0', StringSplitOptions.RemoveEmptyEntries);

    public static bool IsDeleted(string path) => path.EndsWith(Deleted, StringComparison.Ordinal);

    // The name of a mapped file, also of one that was deleted since.
    public static string NameOf(string path) => Path.GetFileName(IsDeleted(path) ? path[..^Deleted.Length] : path);

    // A path as the process sees it, for this one: the two may have different roots.
    public static string PathIn(string process, string path) => $"/proc/{process}/root{path}";

    private static string[]? TryReadLines(string process, string file) => TryRead(process, file)?.Split('\n');

    private static string? TryRead(string process, string file)
    {
        try
        {
            string path = $"/proc/{process}/{file}";
            return OperatingSystem.IsLinux() && File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
