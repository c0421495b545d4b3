using System;
using System.Collections.Generic;
using System.IO;

namespace Hakmem.Os;

// Where the threads of this process have their stacks: the stack pointers of those that wait in the kernel, from
// /proc/self/task/*/syscall, and the caller's own. A running thread's file says only that it runs.
//
//   202 0x7f2a... 0x189 0x0 0x0 0x0 0xffffffff 0x7f2a017fcb10 0x7f367ac9df16      number, arguments, stack, instruction
//   running
internal static unsafe class ThreadStacks
{
    private const string Tasks = "/proc/self/task";
    private const int BufferBytes = 512;

    // The stack pointers found, in ascending order, and the number of threads; zero threads if there is no such list.
    public static nuint[] Read(out int threads)
    {
        List<nuint> pointers = [];
        byte* buffer = stackalloc byte[BufferBytes];
        pointers.Add((nuint)buffer);
        nuint pointer = 0;
        PieceReader read = (ReadOnlySpan<byte> text) => pointer = Parse(text);
        threads = 0;
        foreach (string task in ListTasks())
        {
            threads++;
            pointer = 0;

            // A thread that has ended meanwhile has no file, and some systems have none at all.
            _ = LinuxFile.TryReadPieces(task + "/syscall", buffer, BufferBytes, read);
            if (pointer != 0)
            {
                pointers.Add(pointer);
            }
        }

        pointers.Sort();
        return [.. pointers];
    }

    // The stack pointer of a thread, or 0 if the text has none.
    public static nuint Parse(ReadOnlySpan<byte> text)
    {
        // The last but one of the words.
        int end = text.LastIndexOf((byte)' ');
        int start = end < 0 ? -1 : text.Slice(0, end).LastIndexOf((byte)' ');
        if (start < 0)
        {
            return 0;
        }

        ReadOnlySpan<byte> word = text.Slice(start + 1, end - start - 1);
        ulong value = 0;
        for (int i = word.StartsWith("0x"u8) ? 2 : word.Length; i < word.Length; i++)
        {
            int digit = word[i] switch
            {
                >= (byte)'0' and <= (byte)'9' => word[i] - (byte)'0',
                >= (byte)'a' and <= (byte)'f' => word[i] - (byte)'a' + 10,
                _ => -1,
            };
            if (digit < 0 || i > 17)
            {
                return 0;
            }

            value = (value << 4) | (uint)digit;
        }

        return (nuint)value;
    }

    private static string[] ListTasks()
    {
        try
        {
            return Directory.GetDirectories(Tasks);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // No such list here. Stacks are then told by their guard pages alone.
            return [];
        }
    }
}
