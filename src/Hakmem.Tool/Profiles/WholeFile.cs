using System;
using System.IO;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Profiles;

// Writes a file that is there whole or not at all: under another name beside it first, which is then renamed. A link
// stays, and leads to the new file. A device is written to as it is, since the new file would take its place.
internal static class WholeFile
{
    // For a command that takes its time before it writes. Throws ToolException, and leaves all files as they are.
    public static void RequireWritable(string path)
    {
        string full = PlaceOf(path);
        if (Directory.Exists(full))
        {
            throw Unwritable(full, "It is a folder.");
        }

        if (IsDevice(full))
        {
            return;
        }

        string tried = UnfinishedOf(full);
        try
        {
            File.Create(tried).Dispose();
            File.Delete(tried);
        }
        catch (Exception failure) when (IsOfFile(failure))
        {
            throw Unwritable(full, failure.Message);
        }
    }

    public static void Write(string path, Action<Stream> write)
    {
        string full = PlaceOf(path);
        string unfinished = UnfinishedOf(full);
        try
        {
            if (IsDevice(full))
            {
                using FileStream device = new(full, FileMode.Open, FileAccess.Write);
                write(device);
                return;
            }

            using (FileStream stream = new(unfinished, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, full, overwrite: true);
        }
        catch (Exception failure) when (IsOfFile(failure))
        {
            DeleteIfThere(unfinished);
            throw Unwritable(full, failure.Message);
        }
        catch
        {
            DeleteIfThere(unfinished);
            throw;
        }
    }

    private static string PlaceOf(string path)
    {
        string full = Path.GetFullPath(path);
        try
        {
            // A link of the system's own may lead to what has no name, such as a pipe.
            return IsDevice(full) || !File.Exists(full)
                ? full
                : File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (Exception failure) when (IsOfFile(failure))
        {
            throw Unwritable(full, failure.Message);
        }
    }

    private static bool IsDevice(string full) =>
        !OperatingSystem.IsWindows() && full.StartsWith("/dev/", StringComparison.Ordinal);

    private static string UnfinishedOf(string full) => $"{full}.{Guid.NewGuid():N}.tmp";

    private static bool IsOfFile(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or NotSupportedException;

    private static ToolException Unwritable(string full, string reason) =>
        new(ToolError.File, $"{full} cannot be written: {reason}");

    // A folder that is not there is an error for File.Delete.
    private static void DeleteIfThere(string path)
    {
        if (File.Exists(path))
        {
            File.Delete(path);
        }
    }
}
