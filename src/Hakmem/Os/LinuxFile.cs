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

    // Null for what is not there, or not for this process to know.
    public static string? TryRead(string path)
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

        if (file < 0)
        {
            return null;
        }

        try
        {
            return ReadToEnd(file);
        }
        finally
        {
            // Nothing was written: that it may report an error changes nothing.
            _ = LinuxNative.Close(file);
        }
    }

    // The kernel's files do not say how long they are.
    private static string? ReadToEnd(int file)
    {
        byte[] buffer = new byte[FirstBytes];
        int length = 0;
        while (true)
        {
            nint count;
            fixed (byte* start = buffer)
            {
                count = LinuxNative.Read(file, start + length, (nuint)(buffer.Length - length));
            }

            if (count == 0)
            {
                return ToText(buffer, length);
            }

            if (count > 0)
            {
                length += (int)count;
            }
            else if (LinuxNative.LastError != LinuxNative.ErrorInterrupted)
            {
                return null;
            }

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
