using System;
using System.IO;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Profiles;

// Writes a file that is there whole or not at all: under another name beside it first, which is then renamed.
internal static class WholeFile
{
    public static void Write(string path, Action<Stream> write)
    {
        string full = Path.GetFullPath(path);
        string unfinished = $"{full}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream stream = new(unfinished, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, full, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            DeleteIfThere(unfinished);
            throw new ToolException(ToolError.File, $"{full} cannot be written: {failure.Message}");
        }
        catch
        {
            DeleteIfThere(unfinished);
            throw;
        }
    }

    // A folder that is not there is an error for File.Delete.
    private static void DeleteIfThere(string path)
    {
        if (File.Exists(path))
        {
            File.Delete(path);
        }
    }
}
