using System;

namespace Hakmem.Os;

// Small files of the kernel's, by the C library's calls: the framework's way to a file takes a thread that is the first to go it 10 ms, and one
// that is not there another 7 for the exception (both measured in a fresh process). Whoever reads here may be in the middle of an allocation.
//
// A byte is a character and a character a byte, whatever they mean: a path that is read from one file leads to another as it is, and no encoding
// is loaded.
internal static unsafe class LinuxFile
{
    private const int FirstBytes = 4096;

    // As FileReader says.
    public static bool TryRead(string path, out string? text)
    {
        text = null;
        int file = Open(path);
        if (file < 0)
        {
            return IsAbsent(LinuxNative.LastError);
        }

        try
        {
            return TryReadToEnd(file, out text);
        }
        finally
        {
            // Nothing was written: that it may report an error changes nothing.
            _ = LinuxNative.Close(file);
        }
    }

    // How many lines a file has, without keeping it: the list of a process's mappings may have megabytes. False where
    // it cannot be read.
    public static bool TryCountLines(string path, out long lines)
    {
        byte* buffer = stackalloc byte[FirstBytes];
        lines = 0;
        int file = Open(path);
        if (file < 0)
        {
            return false;
        }

        nint count;
        do
        {
            count = Read(file, buffer, FirstBytes);
            for (nint i = 0; i < count; i++)
            {
                lines += buffer[i] == (byte)'\n' ? 1 : 0;
            }
        }
        while (count > 0);

        _ = LinuxNative.Close(file);
        return count == 0;
    }

    // A descriptor, or less than zero.
    private static int Open(string path)
    {
        int file;
        byte[] bytes = new byte[path.Length + 1];
        for (int i = 0; i < path.Length; i++)
        {
            bytes[i] = (byte)path[i];
        }

        fixed (byte* name = bytes)
        {
            do
            {
                file = LinuxNative.Open(name, LinuxNative.OpenReadOnly | LinuxNative.OpenCloseOnExec);
            }
            while (file < 0 && LinuxNative.LastError == LinuxNative.ErrorInterrupted);
        }

        return file;
    }

    // How many bytes came; 0 at the end, less than zero for an error.
    private static nint Read(int file, byte* into, int bytes)
    {
        nint count;
        do
        {
            count = LinuxNative.Read(file, into, (nuint)bytes);
        }
        while (count < 0 && LinuxNative.LastError == LinuxNative.ErrorInterrupted);

        return count;
    }

    // Not there, or not for this process to know, which no later try changes.
    private static bool IsAbsent(int error) => error is LinuxNative.ErrorNoEntry or LinuxNative.ErrorNotDirectory or
        LinuxNative.ErrorIsDirectory or LinuxNative.ErrorNoAccess or LinuxNative.ErrorNotPermitted;

    // The kernel's files do not say how long they are.
    private static bool TryReadToEnd(int file, out string? text)
    {
        byte[] buffer = new byte[FirstBytes];
        int length = 0;
        while (true)
        {
            nint count;
            fixed (byte* start = buffer)
            {
                count = Read(file, start + length, buffer.Length - length);
            }

            if (count <= 0)
            {
                text = count == 0 ? ToText(buffer, length) : null;
                return count == 0 || IsAbsent(LinuxNative.LastError);
            }

            length += (int)count;
            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * length);
            }
        }
    }

    private static string ToText(byte[] bytes, int length)
    {
        char[] text = new char[length];
        for (int i = 0; i < length; i++)
        {
            text[i] = (char)bytes[i];
        }

        return new string(text);
    }
}
