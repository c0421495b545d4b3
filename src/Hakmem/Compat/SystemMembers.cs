using System;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hakmem.Compat;

// Members of Array, spans, Environment, Marshal and Random that netstandard2.0 lacks.
internal static class SystemMembers
{
    // .NET has one instance for all threads; here each thread has one.
    [ThreadStatic]
    private static Random? t_sharedRandom;

    extension(Array)
    {
        // The limit of .NET for arrays of bytes.
        public static int MaxLength => 0x7FFFFFC7;

        public static void Clear(Array array) => Array.Clear(array, 0, array.Length);
    }

    extension(ReadOnlySpan<byte> span)
    {
        public int IndexOfAnyExcept(byte value)
        {
            for (int i = 0; i < span.Length; i++)
            {
                if (span[i] != value)
                {
                    return i;
                }
            }

            return -1;
        }
    }

    extension(Environment)
    {
        // Milliseconds since an unspecified moment. Monotonic, and does not wrap as TickCount does.
        public static long TickCount64 => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);
    }

    extension(Marshal)
    {
        // The error of the last call with SetLastError on this thread. The older name says Win32, but it is errno on
        // Unix.
        public static int GetLastPInvokeError() => Marshal.GetLastWin32Error();
    }

    extension(Random)
    {
        public static Random Shared => t_sharedRandom ??= new Random();
    }
}
