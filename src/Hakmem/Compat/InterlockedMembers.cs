using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Compat;

// Overloads that netstandard2.0 lacks.
internal static class InterlockedMembers
{
    extension(Interlocked)
    {
        // In this framework nint is another type than IntPtr.
        public static nint Exchange(ref nint location, nint value) =>
            Interlocked.Exchange(ref Unsafe.As<nint, IntPtr>(ref location), value);

        // Exchanges a byte of unmanaged memory through the aligned word that contains it. .NET 9 has this overload.
        public static unsafe byte Exchange(ref byte location, byte value)
        {
            nuint address = (nuint)Unsafe.AsPointer(ref location);
            ref int word = ref Unsafe.AsRef<int>((void*)(address & ~(nuint)3));
            int offset = (int)(address & 3);
            int shift = (BitConverter.IsLittleEndian ? offset : 3 - offset) * 8;
            while (true)
            {
                int before = Volatile.Read(ref word);
                int after = (before & ~(0xFF << shift)) | (value << shift);
                if (Interlocked.CompareExchange(ref word, after, before) == before)
                {
                    return (byte)(before >> shift);
                }
            }
        }
    }
}
