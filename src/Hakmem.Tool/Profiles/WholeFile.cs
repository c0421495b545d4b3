using System;
using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Profiles;

// A file that a command is to write. It is there whole or not at all: written under another name beside it first, which
// is then renamed. A link stays, and leads to the new file. What is no file of a disk or of memory (a device, a pipe)
// is written to as it is, since the new file would take its place; so is what the command has open already, as its
// output.
internal sealed partial class WholeFile : IDisposable
{
    private const int StandardOutput = 1;
    private const int StandardError = 2;

    // More links than this in a row are a circle.
    private const int MaxLinks = 40;

    private readonly string _full;

    // What is written to as it is; null for a file.
    private readonly Stream? _open;

    private WholeFile(string full, Stream? open)
    {
        _full = full;
        _open = open;
    }

    // Whether what is written becomes the command's output, which then can have nothing else.
    public bool IsOutput { get; private init; }

    // For a command that takes its time before it writes. Throws ToolException if the file cannot be written, and
    // leaves all files as they are.
    public static WholeFile Open(string path)
    {
        string full = Path.GetFullPath(path);
        try
        {
            return TryOpenOutput(full) ?? OpenAny(full);
        }
        catch (Exception failure) when (IsOfFile(failure))
        {
            throw Unwritable(full, failure.Message);
        }
    }

    public void Write(Action<Stream> write)
    {
        string unfinished = UnfinishedOf(_full);
        try
        {
            if (_open is not null)
            {
                write(_open);
                _open.Flush();
                return;
            }

            using (FileStream stream = new(unfinished, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, _full, overwrite: true);
        }
        catch (Exception failure) when (IsOfFile(failure))
        {
            DeleteIfThere(unfinished);
            throw Unwritable(_full, failure.Message);
        }
        catch
        {
            DeleteIfThere(unfinished);
            throw;
        }
    }

    public void Dispose() => _open?.Dispose();

    // Null if the path is no name of a stream that this process has open. Opened anew, a file would be written from its
    // beginning, over what is in it and under what comes.
    private static WholeFile? TryOpenOutput(string full)
    {
        switch (DescriptorOf(full))
        {
            case StandardOutput:
                return new WholeFile(full, Console.OpenStandardOutput()) { IsOutput = true };
            case StandardError:
                return new WholeFile(full, Console.OpenStandardError());
            case null:
                return null;
            case { } number:
                return new WholeFile(full, TryOpenSpecial(full) ?? throw Unwritable(
                    full, $"It is stream {number} of this command, and no pipe: name a file by its own name."));
        }
    }

    private static WholeFile OpenAny(string full)
    {
        if (Directory.Exists(full))
        {
            throw Unwritable(full, "It is a folder.");
        }

        if (TryOpenSpecial(full) is { } special)
        {
            return new WholeFile(full, special);
        }

        string place = File.Exists(full)
            ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full
            : full;
        string tried = UnfinishedOf(place);
        File.Create(tried).Dispose();
        File.Delete(tried);
        return new WholeFile(place, null);
    }

    // The number of the stream that a path names by way of the system's own files, also through links; null for others.
    private static int? DescriptorOf(string full)
    {
        string? at = OperatingSystem.IsWindows() ? null : full;
        for (int i = 0; at is not null && i < MaxLinks; i++)
        {
            Match number = Descriptor().Match(
                at.Replace($"/proc/{Environment.ProcessId}/", "/proc/self/", StringComparison.Ordinal));
            if (number.Success)
            {
                return int.Parse(number.Groups[1].Value, CultureInfo.InvariantCulture);
            }

            int? standard = at switch
            {
                "/dev/stdout" => StandardOutput,
                "/dev/stderr" => StandardError,
                _ => null,
            };
            if (standard is not null)
            {
                return standard;
            }

            string? next = new FileInfo(at).LinkTarget;
            at = next is null ? null : Path.GetFullPath(next, Path.GetDirectoryName(at)!);
        }

        return null;
    }

    // Null if there is nothing, or a file as on a disk. A pipe waits here until somebody reads it.
    private static FileStream? TryOpenSpecial(string full)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(full))
        {
            return null;
        }

        FileStream stream = new(
            full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        if (IsDevice(full) || !IsRegular(stream))
        {
            return stream;
        }

        stream.Dispose();
        return null;
    }

    // macOS lets the length of a device be set. There are only devices in this folder of it, and Linux has files there,
    // in /dev/shm.
    private static bool IsDevice(string full) => OperatingSystem.IsMacOS() &&
        (File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full).StartsWith(
            "/dev/", StringComparison.Ordinal);

    // Nothing else has a length, or lets one be set. Only a file without contents is asked to have none.
    private static bool IsRegular(FileStream stream)
    {
        if (!stream.CanSeek || stream.Length > 0)
        {
            return stream.CanSeek;
        }

        try
        {
            stream.SetLength(0);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string UnfinishedOf(string full) => $"{full}.{Guid.NewGuid():N}.tmp";

    private static bool IsOfFile(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;

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

    [GeneratedRegex("^/(?:dev|proc/self|proc/thread-self)/fd/([0-9]{1,9})$")]
    private static partial Regex Descriptor();
}
