using System;

namespace Hakmem.Os;

// Reads small files of the kernel by the C library. The framework's classes cost the first thread that uses them 10 ms,
// and an absent file another 7 ms (in a fresh process), and the caller may be in the middle of an allocation.
//
// Each byte is one character: a path read from one file opens another unchanged, and no encoding is loaded.
internal static unsafe class LinuxFile
{
    private const int InitialBufferBytes = 4096;

    // A FileReader.
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
            // Nothing was written, so an error here has no consequence.
            _ = LinuxNative.Close(file);
        }
    }

    // Counts the lines of a file, which may have megabytes, without keeping its text. False if it cannot be read.
    public static bool TryCountLines(string path, out long lines)
    {
        byte* buffer = stackalloc byte[InitialBufferBytes];
        lines = 0;
        int file = Open(path);
        if (file < 0)
        {
            return false;
        }

        nint count;
        do
        {
            count = Read(file, buffer, InitialBufferBytes);
            for (nint i = 0; i < count; i++)
            {
                lines += buffer[i] == (byte)'\n' ? 1 : 0;
            }
        }
        while (count > 0);

        _ = LinuxNative.Close(file);
        return count == 0;
    }

    // Reads a file of any length in pieces, through the given buffer. Returns 0, or the error that ended it.
    public static int TryReadPieces(string path, byte* buffer, int bytes, PieceReader reader)
    {
        int file = Open(path);
        if (file < 0)
        {
            return LinuxNative.LastError;
        }

        try
        {
            nint count;
            while ((count = Read(file, buffer, bytes)) > 0)
            {
                reader(new ReadOnlySpan<byte>(buffer, (int)count));
            }

            return count == 0 ? 0 : LinuxNative.LastError;
        }
        finally
        {
            _ = LinuxNative.Close(file);
        }
    }

    // A descriptor; negative after an error.
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

    // The number of bytes read; 0 at the end, negative after an error.
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

    // Absent, or forbidden to this process. No later try changes that.
    public static bool IsAbsent(int error) => error is LinuxNative.ErrorNoEntry or LinuxNative.ErrorNotDirectory or
        LinuxNative.ErrorIsDirectory or LinuxNative.ErrorNoAccess or LinuxNative.ErrorNotPermitted;

    // The kernel's files have no length.
    private static bool TryReadToEnd(int file, out string? text)
    {
        byte[] buffer = new byte[InitialBufferBytes];
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

// Takes the next piece of a file's text.
internal delegate void PieceReader(ReadOnlySpan<byte> text);
