using System;
using System.IO;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Profiles;

// Writes a file that is there whole or not at all: under another name beside it first, which is then renamed.
internal static class WholeFile
{
    // For a command that takes its time before it writes. Throws ToolException, and leaves all files as they are.
    public static void RequireWritable(string path)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            throw Unwritable(full, "It is a folder.");
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
        string full = Path.GetFullPath(path);
        string unfinished = UnfinishedOf(full);
        try
        {
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
